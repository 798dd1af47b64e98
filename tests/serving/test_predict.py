"""Answers of `POST /predict` and what is refused: every status with its sentence."""

from __future__ import annotations

import base64
import json
import threading
import time
from pathlib import Path

import pytest

import headstart
from headstart.serving import service as service_module


def refused(answer, status, code, sentence):
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (status, code, sentence)


def test_the_answer_is_that_of_predict(server_of, picture, png, made_run, tmp_path):
    client = server_of()
    answer = client.post("/predict", files=[picture("red", "a.png"), picture("blue", "b.png", 3)])
    for color, name, seed in (("red", "a.png", 0), ("blue", "b.png", 3)):
        (tmp_path / name).write_bytes(png(color, seed))
    expected = headstart.predict(made_run, [tmp_path / "a.png", tmp_path / "b.png"])
    assert answer.status_code == 200
    found = answer.json()
    assert (found["model"], len(found["version"])) == ("shades", 12)
    assert [row["path"] for row in found["predictions"]] == ["a.png", "b.png"]
    for row, other in zip(found["predictions"], expected, strict=True):
        assert row["path"] == Path(other["path"]).name
        assert (row["label"], row["unknown"]) == (other["label"], other["unknown"])
        assert row["probs"] == pytest.approx(other["probs"], rel=1e-4)
        assert row["probability"] == pytest.approx(other["probability"], rel=1e-4)
        assert set(row) == set(other)


def test_json_with_base64_is_answered_as_a_form(server_of, picture, png):
    client = server_of()
    text = base64.b64encode(png("green")).decode()
    images = [text, {"name": "dir/g.png", "data": f"data:image/png;base64,{text}"}]
    rows = client.post("/predict", json={"images": images}).json()["predictions"]
    assert [(row["path"], row["label"]) for row in rows] == [("images[0]", "green"), ("g.png", "green")]
    other = client.post("/predict", files=[picture("green")]).json()["predictions"][0]
    assert rows[0]["probs"] == pytest.approx(other["probs"], rel=1e-4)  # rounding depends on what is computed together


def test_a_share_of_labels_is_refused_on_demand(server_of, picture):
    row = server_of().post("/predict?refuse=0.99", files=[picture("red", seed=99)]).json()["predictions"][0]
    assert row["best_guess"] == "red"
    assert row["label"] is None or row["unknown"]["p_value"] >= 0.99


def test_a_picture_that_cannot_be_read_has_a_row_with_the_error(server_of, picture):
    answer = server_of().post("/predict", files=[picture(), ("files", ("b.txt", b"text"))])
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["label"] == "red"
    assert answer.json()["predictions"][1] == {
        "path": "b.txt",
        "error": "b.txt: is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with b'text'. Convert or delete it.",
    }


@pytest.mark.parametrize(
    ("name", "content", "status", "code", "begins"),
    [
        ("a.txt", b"hello", 415, "no-picture", "a.txt: is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture"),
        ("a.png", lambda png: png(side=64)[:300], 422, "damaged-picture", "a.png: cannot be decoded ("),
        ("a.png", lambda png: png(side=101), 422, "too-many-pixels", "a.png: has 101 x 101 pixels, more than the 10,000"),
        ("../../etc/passwd", b"x", 415, "no-picture", "passwd: is not a JPEG"),
        ("C:\\fake\\a.gif", b"GIF89a", 422, "damaged-picture", "a.gif: is a GIF file with a damaged header."),
        ("a.svg", b"<svg/>", 415, "no-picture", "a.svg: is not a JPEG"),
    ],
    ids=["text", "cut", "many pixels", "path", "Windows path", "SVG"],
)
def test_a_request_of_which_no_picture_can_be_read_is_refused(server_of, png, name, content, status, code, begins):
    given = content(png) if callable(content) else content
    answer = server_of(limits={"max_pixels": 10_000}).post("/predict", files=[("files", (name, given))])
    found = answer.json()
    assert (answer.status_code, found["code"]) == (status, code)
    assert found["error"].startswith(begins)
    assert found["predictions"][0]["error"] == found["error"]


def test_what_is_no_form_and_no_json_is_refused(server_of):
    answer = server_of().post("/predict", content=b"x", headers={"content-type": "text/plain; charset=utf-8"})
    sentence = "The body is text/plain. Send multipart/form-data with files, or application/json with base64."
    refused(answer, 415, "unsupported-type", sentence)
    answer = server_of().post("/predict")
    assert answer.json()["error"].startswith("The body is of no type. ")


def test_a_large_body_is_refused_whether_it_says_so_or_not(server_of, picture):
    client = server_of(limits={"max_bytes": 2_000})
    sentence = "The body has more than 0.002 MB. Send fewer or smaller pictures."
    refused(client.post("/predict", files=[("files", ("a.png", b"x" * 3_000))]), 413, "too-large", sentence)
    parts = (b'{"images": ["' if number == 0 else b"A" * 500 for number in range(9))
    refused(client.post("/predict", content=parts, headers={"content-type": "application/json"}), 413, "too-large", sentence)


def test_a_body_that_was_refused_counts_no_more(serving):
    client = serving(limits={"max_bytes": 2_000})
    assert client.post("/predict", files=[("files", ("a.png", b"x" * 3_000))]).status_code == 413
    assert client.service.bodies.num_bytes == 0


def test_too_many_pictures_are_refused(server_of, picture):
    client = server_of(limits={"max_files": 2})
    sentence = "There are more than 2 pictures. Send them in several requests."
    refused(client.post("/predict", files=[picture()] * 3), 422, "too-many-files", sentence)
    refused(client.post("/predict", json={"images": ["A"] * 3}), 422, "too-many-files", sentence)
    assert client.post("/predict", files=[picture()] * 2).status_code == 200


SEND = 'Send {"images": ["base64 of a picture", ...]}.'
EXPECTING = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
NO_UTF_8 = "The body is not valid JSON (not UTF-8 text)."
DEEP = "The body is not valid JSON (more than 100 lists and tables lie inside each other)."


@pytest.mark.parametrize(
    ("content", "status", "code", "sentence"),
    [
        (b"{", 400, "bad-json", f"The body is not valid JSON ({EXPECTING})."),
        (b"\xff", 400, "bad-json", NO_UTF_8),
        (b"[" * 100_000, 400, "bad-json", DEEP),
        (b"3", 422, "bad-json", f"The body is no JSON object. {SEND}"),
        (b'{"images": 3}', 422, "bad-json", f'"images" is no list. {SEND}'),
        (b'{"images": [3]}', 422, "bad-json", f"images[0] is no base64 text. {SEND}"),
        (b'{"images": ["A!"]}', 422, "bad-base64", "images[0] is not valid base64."),
        (b'{"images": ["A!"], "checksum": "mine"}', 422, "bad-base64", "images[0] is not valid base64."),
        (
            b'{"images": ["http://a/b.png"]}',
            422,
            "address",
            "images[0] is an address, and none is fetched. Send the picture itself as base64.",
        ),
        (b"{}", 422, "no-picture-sent", "No picture was sent. Send one or more files, or base64 in JSON."),
    ],
    ids=["open", "no UTF-8", "deep", "number", "no list", "no text", "no base64", "its own checksum", "address", "none"],
)
def test_json_that_says_nothing_is_refused(server_of, content, status, code, sentence):
    answer = server_of().post("/predict", content=content, headers={"content-type": "application/json"})
    refused(answer, status, code, sentence)


FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b'
END = b"\r\n--x--\r\n"
MANY = b"\r\n".join(PART % (b"f%d" % number, b"") for number in range(21)) + END


@pytest.mark.parametrize(
    ("kind", "content", "status", "code", "begins"),
    [
        ("multipart/form-data", b"--x", 400, "bad-form", "The form names no boundary."),
        (FORM, b"nonsense", 400, "bad-form", "The form cannot be read ("),
        (FORM, PART % (b'files"; filename="a', b"half"), 400, "bad-form", "The form ends before its last boundary."),
        (FORM, PART % (b"label", b"red") + END, 422, "no-picture-sent", "No picture was sent."),
        (FORM, MANY, 422, "too-many-fields", "There are more than 20 fields that are no files."),
    ],
    ids=["no boundary", "nonsense", "half", "no file", "many fields"],
)
def test_a_form_that_cannot_be_read_is_refused(server_of, kind, content, status, code, begins):
    answer = server_of().post("/predict", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["error"].startswith(begins)


def test_names_that_are_not_served_are_refused(server_of, picture):
    client = server_of()
    refused(
        client.post("/predict?model=shade", files=[picture()]), 404, "no-model",
        '"shade" is not served. Did you mean "shades"? There are: shades.',
    )  # fmt: skip
    refused(client.get("/nowhere"), 404, "http-404", "There is no such address. /openapi.json lists all.")
    refused(client.get("/predict"), 405, "http-405", "This address takes another method. /openapi.json lists all.")
    refused(client.post("/predict?refuse=2", files=[picture()]), 422, "bad-argument", "refuse: input should be less than 1.")


def test_what_would_wait_too_long_is_told_when_to_come_again(serving, picture):
    client = serving(limits={"queue_pictures": 2, "max_files": 2})
    begun, goes_on, answers = threading.Event(), threading.Event(), []

    def slow(pictures):
        begun.set()
        goes_on.wait(20)
        return [{"path": one.name} for one in pictures]

    client.service.served["shades"].answering = lambda refuse: (slow, "v", (32,))
    waiting = threading.Thread(target=lambda: answers.append(client.post("/predict", files=[picture()] * 2)))
    waiting.start()
    begun.wait(20)
    answer = client.post("/predict", files=[picture()])
    goes_on.set()
    waiting.join()
    refused(answer, 429, "queue-full", "2 pictures are waiting already. Try again in 1 second.")
    assert answer.headers["retry-after"] == "1"
    assert answers[0].status_code == 200
    assert client.service.served["shades"].batcher.waiting == 0


def test_a_request_that_is_not_answered_in_time_is_refused(serving, picture):
    client = serving(limits={"deadline_seconds": 0.2})
    client.service.served["shades"].answering = lambda refuse: (lambda pictures: time.sleep(0.6) or [{}], "v", (32,))
    answer = client.post("/predict", files=[picture()])
    refused(answer, 504, "deadline", "There was no answer within 0.2 seconds. Try again, or send fewer pictures.")


def test_the_time_to_decode_counts_too(serving, picture, monkeypatch):
    goes_on, decoded = threading.Event(), []
    client = serving(limits={"deadline_seconds": 0.2})
    monkeypatch.setattr(service_module, "decoded", lambda upload, *_: decoded.append(upload) or goes_on.wait(20))
    answer = client.post("/predict", files=[picture()] * 40)
    refused(answer, 504, "deadline", "There was no answer within 0.2 seconds. Try again, or send fewer pictures.")
    assert client.service.served["shades"].batcher.waiting == 0
    goes_on.set()
    client.service.close()
    assert len(decoded) < 40


def test_bodies_that_take_too_much_memory_together_are_refused(server_of, picture):
    client = server_of(limits={"total_bytes": 100})
    answer = client.post("/predict", files=[picture()])
    refused(answer, 429, "busy", "Too many requests are being received at the same time. Try again in 1 second.")
    assert answer.headers["retry-after"] == "1"


def test_a_fault_of_the_program_is_told_without_its_text(serving, picture):
    client = serving()

    def broken(pictures):
        raise RuntimeError("/secret/place")

    client.service.served["shades"].answering = lambda refuse: (broken, "v", (32,))
    answer = client.post("/predict", files=[picture()])
    refused(answer, 500, "failed", "The server failed; what it wrote on stderr says why.")
    del client.service.served["shades"].answering
    assert client.post("/predict", files=[picture()]).status_code == 200


def test_no_picture_and_no_feature_is_written(serving, picture, made_run, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    client = serving(service={"examples": False})
    monkeypatch.chdir(tmp_path)
    assert client.post("/predict", files=[picture("red", seed=7)]).status_code == 200
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and "features" in path.parts] == []
    assert json.dumps(client.get("/models").json()).count(str(made_run.parent)) == 0
