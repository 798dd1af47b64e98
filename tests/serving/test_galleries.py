"""Galleries: classes that are enrolled and forgotten by requests."""

from __future__ import annotations

import errno

import pytest

from headstart.core.errors import ExportError
from headstart.gallery import Gallery


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galleries") / "parts"
    Gallery.create(folder, "pixels")
    return folder


def emptied(folder):
    for name in Gallery.open(folder).classes():
        Gallery.open(folder).forget(name)


@pytest.fixture
def client(server_of, empty):
    yield server_of(galleries=(empty,), limits={"deadline_seconds": 60.0})
    emptied(empty)


@pytest.fixture
def client_here(serving, empty):
    """Of a server in this process, of which a test changes something."""
    yield serving(galleries=(empty,), limits={"deadline_seconds": 60.0})
    emptied(empty)


def enrolled(client, picture, name="red", seeds=(0, 1), color="red"):
    return client.post(f"/galleries/parts/classes/{name}", files=[picture(color, f"{seed}.png", seed) for seed in seeds])


def test_classes_are_enrolled_predicted_and_forgotten(client, picture, empty):
    answer = enrolled(client, picture)
    assert (answer.status_code, answer.json()) == (
        201,
        {"gallery": "parts", "class": "red", "num_images": 2, "num_classes": 1, "left_out": []},
    )
    assert enrolled(client, picture, "a%2Fb c", color="blue").json()["class"] == "a/b c"
    assert Gallery.open(empty).classes() == {"red": 2, "a/b c": 2}
    row = client.post("/predict", files=[picture("blue", seed=9)]).json()["predictions"][0]
    assert (row["path"], row["label"], set(row["unknown"])) == ("a.png", "a/b c", {"similarity", "threshold", "flag"})
    card = client.get("/models").json()["models"][0]
    assert (card["kind"], card["classes"], card["num_images"]) == ("gallery", ["red", "a/b c"], {"red": 2, "a/b c": 2})
    answer = client.delete("/galleries/parts/classes/red")
    assert (answer.status_code, answer.json()) == (200, {"gallery": "parts", "forgotten": "red", "num_classes": 1})
    assert client.get("/models").json()["models"][0]["version"] != card["version"]


def test_a_picture_that_cannot_be_read_is_left_out(client, picture):
    files = [picture(), ("files", ("b.txt", b"text"))]
    answer = client.post("/galleries/parts/classes/red", files=files)
    assert answer.status_code == 201
    assert [row["path"] for row in answer.json()["left_out"]] == ["b.txt"]


@pytest.mark.parametrize(
    ("method", "address", "status", "code", "sentence"),
    [
        ("POST", "parts/classes/red", 409, "class-exists", '"red" is enrolled already, with 2 images. Forget it first.'),
        ("POST", "parts/classes/other", 409, "not-enrolled", None),
        ("POST", "parts/classes/%07", 422, "bad-class-name", "A class needs a name of 1 to 200 printable characters."),
        ("POST", "parts/classes/%20", 422, "bad-class-name", "A class needs a name of 1 to 200 printable characters."),
        (
            "DELETE",
            "parts/classes/rad",
            404,
            "no-class",
            'The gallery has no class "rad". Did you mean "red"? `GET /models` lists its classes.',
        ),
        ("DELETE", "part/classes/red", 404, "no-model", '"part" is not served. Did you mean "parts"? There are: parts.'),
    ],
)
def test_what_a_gallery_cannot_do_is_refused(client, picture, empty, method, address, status, code, sentence):
    enrolled(client, picture)
    files = {"files": [picture("red", "0.png", 0)]} if method == "POST" else {}
    answer = client.request(method, f"/galleries/{address}", **files)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sentence is None or answer.json()["error"] == sentence
    assert str(empty.parent) not in answer.text


def test_an_empty_gallery_says_so(client, picture):
    answer = client.post("/predict", files=[picture()])
    assert (answer.status_code, answer.json()["error"]) == (409, "The gallery holds no class yet. Enroll one first.")


def test_the_classes_of_a_run_are_fixed(server_of, picture):
    answer = server_of().post("/galleries/shades/classes/red", files=[picture()])
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        '"shades" is a run, whose classes are fixed. Enroll into a gallery.',
    )


def test_enrolled_pictures_are_kept_at_the_side_of_the_gallery_as_of_files(client_here, png, empty, tmp_path, monkeypatch):
    enroll, sizes = Gallery.enroll, []

    def noted(gallery, images):
        sizes.extend(image.size for own in images.values() for image in own)
        return enroll(gallery, images)

    monkeypatch.setattr(Gallery, "enroll", noted)
    client_here.post("/galleries/parts/classes/red", files=[("files", ("a.png", png("red", 0, 500)))])
    assert sizes == [(Gallery.open(empty).state.card.input_pixels,) * 2]
    (tmp_path / "a.png").write_bytes(png("red", 0, 500))
    other = Gallery.create(tmp_path / "other", "pixels")
    enroll(other, {"red": [tmp_path / "a.png"]})
    own, theirs = (one.class_store.read()[0].features for one in (Gallery.open(empty), other))
    assert all((a == b).all() for a, b in zip(own.stages, theirs.stages, strict=True))


def test_a_damaged_class_is_refused_without_its_file_and_can_be_forgotten(client, picture, empty):
    enrolled(client, picture)
    path = Gallery.open(empty).class_store.path_of("red")
    path.write_bytes(b"damaged")
    sentence = "A class of the gallery cannot be read. Restore its file, or delete it and enroll the class again."
    for answer in (client.post("/predict", files=[picture()]), enrolled(client, picture, "blue", color="blue")):
        assert (answer.status_code, answer.json()) == (409, {"code": "damaged-gallery", "error": sentence})
    answer = client.get("/models")
    assert (answer.status_code, answer.json()["models"][0]["sentence"]) == (200, sentence)
    assert client.delete("/galleries/parts/classes/red").json()["num_classes"] == 0


def test_a_disk_that_takes_no_class_is_said(client_here, picture, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def failed(*_):
        try:
            full()
        except OSError as error:
            raise ExportError("/secret/place cannot be written") from error

    sentence = "The folder of the gallery cannot be read or written (No space left on device)."
    for refused in (full, failed):
        monkeypatch.setattr("headstart.gallery.class_store.write_arrays", refused)
        answer = enrolled(client_here, picture)
        assert (answer.status_code, answer.json()) == (507, {"code": "not-kept", "error": sentence})
