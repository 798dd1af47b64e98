from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.core import records
from headstart.core.errors import DataError, ExportError, PlanError, PretrainedError
from headstart.core.parsing import json_from, json_in, json_text
from headstart.gallery import Gallery
from headstart.gallery import state as state_module

pytestmark = pytest.mark.slow

NET = "pixels"


@pytest.fixture
def gallery(tmp_path: Path, pictures: dict[str, list[Path]]) -> Gallery:
    made = Gallery.create(tmp_path / "gallery", NET, pictures["red"])
    made.enroll({name: pictures[name][:1] for name in ("red", "green", "blue")})
    return made


def message(call) -> str:
    with pytest.raises((DataError, ExportError, PlanError, PretrainedError)) as caught:
        call()
    return str(caught.value)


def test_classes_come_from_one_image_each_and_are_recognized(gallery, pictures) -> None:
    assert Gallery.open(gallery.folder).classes() == {"red": 1, "green": 1, "blue": 1}
    for name in ("red", "green", "blue"):
        rows = gallery.predict(pictures[name][1:])
        assert [row["label"] for row in rows] == [name] * 3
        assert [row["path"] for row in rows] == [str(path) for path in pictures[name][1:]]
        assert all(row["probs"][name] == row["probability"] == max(row["probs"].values()) for row in rows)
        for row in rows:
            unknown = row["unknown"]
            assert unknown["flag"] == (unknown["similarity"] < unknown["threshold"])


def test_an_image_unlike_every_class_is_flagged_and_loses_its_label_on_request(gallery, pictures, tmp_path) -> None:
    draw = np.random.default_rng(3)
    Image.fromarray(np.kron(draw.integers(0, 2, (8, 8, 3)), np.ones((4, 4, 1))).astype(np.uint8) * 255).save(tmp_path / "odd.png")
    shown = [tmp_path / "odd.png", pictures["red"][2]]
    odd, known = gallery.predict(shown)
    assert odd["label"] in {"red", "green", "blue"}
    assert (odd["unknown"]["flag"], known["unknown"]["flag"]) == (True, False)
    refused = gallery.predict(shown, refuse=True)
    assert [row["label"] for row in refused] == [None, "red"]
    assert [row["best_guess"] for row in refused] == [odd["label"], "red"]


@pytest.mark.parametrize("shots", [1, 4])
def test_forgetting_a_class_restores_the_predictions_exactly(shots, pictures, tmp_path) -> None:
    made = Gallery.create(tmp_path / "gallery", NET, pictures["red"])
    made.enroll({name: pictures[name][:shots] for name in ("red", "green", "gray")})
    shown = [path for paths in pictures.values() for path in paths]
    before = made.predict(shown)
    made.enroll({"blue": pictures["blue"][:shots]})
    assert made.predict(shown) != before
    made.forget("blue")
    assert made.predict(shown) == before
    assert Gallery.open(made.folder).predict(shown) == before


def test_the_order_of_enrolling_survives_forgetting_in_the_middle(gallery, pictures) -> None:
    gallery.forget("green")
    gallery.enroll({"yellow": pictures["yellow"][:2]})
    gallery.enroll({"green": pictures["green"][1:4]})
    assert list(gallery.classes().items()) == [("red", 1), ("blue", 1), ("yellow", 2), ("green", 3)]


def test_an_image_given_twice_counts_once_and_unreadable_ones_are_left_out(gallery, pictures, tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    one = pictures["yellow"][0]
    left_out = gallery.enroll({"yellow": [one, tmp_path / "broken.png", shutil.copy(one, tmp_path / "copy.png")]})
    assert [row["path"] for row in left_out] == [str(tmp_path / "broken.png")]
    assert gallery.classes()["yellow"] == 1


def test_unreadable_files_are_rows_with_an_error(gallery, pictures, tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken, fine = gallery.predict([tmp_path / "broken.png", pictures["red"][1]])
    assert broken["error"].startswith(str(tmp_path / "broken.png"))
    assert fine["label"] == "red"


def test_a_kill_while_writing_leaves_the_classes_as_they_were(gallery, pictures, monkeypatch) -> None:
    class KilledError(BaseException):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    before = gallery.predict(pictures["red"])
    with monkeypatch.context() as patch:
        patch.setattr(records.Path, "replace", killed)
        with pytest.raises(KilledError):
            gallery.enroll({"yellow": pictures["yellow"]})
    assert list(gallery.classes()) == ["red", "green", "blue"]
    (gallery.class_store.folder / ".00000009-leftover.safetensors").write_bytes(b"half")
    assert gallery.predict(pictures["red"]) == before
    gallery.enroll({"yellow": pictures["yellow"]})
    assert list(gallery.classes()) == ["red", "green", "blue", "yellow"]


def test_a_class_cannot_be_enrolled_twice(gallery, pictures) -> None:
    assert message(lambda: gallery.enroll({"red": pictures["red"]})) == (
        f'"red" is enrolled in {gallery.folder} already, with 1 image. '
        f"Forget it first (`headstart fewshot forget {gallery.folder} red`), or choose another name."
    )


def test_the_command_to_forget_can_be_copied_where_a_name_has_blanks(gallery, pictures) -> None:
    gallery.enroll({"dark gray": pictures["gray"][:1]})
    found = message(lambda: gallery.enroll({"dark gray": pictures["gray"][1:]}))
    assert f"`headstart fewshot forget {gallery.folder} 'dark gray'`" in found


def test_a_name_is_the_same_however_its_accents_are_typed(gallery, pictures) -> None:
    gallery.enroll({"caf\u00e9": pictures["gray"][:1]})
    assert "enrolled in" in message(lambda: gallery.enroll({"cafe\u0301 ": pictures["gray"][1:]}))
    gallery.forget("cafe\u0301")
    assert list(gallery.classes()) == ["red", "green", "blue"]


def test_no_image_and_no_name_are_refused(gallery, pictures) -> None:
    expected = 'No image was given for "new", and a class needs at least 1. Name its image files.'
    assert message(lambda: gallery.enroll({"new": []})) == expected
    assert message(lambda: gallery.enroll({" ": pictures["gray"]})) == 'The class name " " is empty. Give the class a name.'


def test_a_class_without_a_readable_image_is_refused_and_nothing_is_enrolled(gallery, pictures, tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = message(lambda: gallery.enroll({"gray": pictures["gray"], "new": [tmp_path / "broken.png"]}))
    assert found.startswith(f'No image of "new" can be read: {tmp_path / "broken.png"}')
    assert "gray" not in gallery.classes()


def test_an_image_of_two_classes_is_refused(gallery, pictures) -> None:
    path = pictures["red"][0]
    expected = f'{path} is to be enrolled as "rose" and is an image of "red" already. Leave it out of one of them.'
    assert message(lambda: gallery.enroll({"rose": [path]})) == expected
    path = pictures["gray"][0]
    expected = f'{path} is to be enrolled as "b" and is an image of "a" already. Leave it out of one of them.'
    assert message(lambda: gallery.enroll({"a": [path], "b": [path]})) == expected


def test_forgetting_what_is_not_there_names_what_is(gallery) -> None:
    assert message(lambda: gallery.forget("rde")) == (
        f'{gallery.folder} holds no class "rde". Did you mean "red"? It holds red, green, blue.'
    )
    for name in ("red", "green", "blue"):
        gallery.forget(name)
    assert message(lambda: gallery.forget("red")) == f'{gallery.folder} holds no class "red". It is empty.'


def test_an_empty_gallery_predicts_nothing(gallery, pictures) -> None:
    for name in ("red", "green", "blue"):
        gallery.forget(name)
    assert message(lambda: gallery.predict(pictures["red"])) == (
        f"{gallery.folder} holds no class. Enroll one: `headstart fewshot enroll {gallery.folder} NAME IMAGE...`."
    )


def test_a_folder_without_a_gallery_and_a_place_that_is_taken_are_refused(gallery, tmp_path) -> None:
    assert message(lambda: Gallery.open(tmp_path)) == (
        f"{tmp_path} holds no gallery. Make one: `headstart fewshot enroll {tmp_path} NAME IMAGE...`."
    )
    assert message(lambda: Gallery.create(gallery.folder)) == (
        f"{gallery.folder} holds a gallery already. Enroll into it, or choose another folder."
    )


def test_another_backbone_is_refused(gallery, pictures) -> None:
    path = gallery.folder / "gallery.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    del card["checksum"]
    path.write_text(json.dumps({**card, "weights_hash": "0123456789abcdef"}), encoding="utf-8")
    assert message(lambda: Gallery.open(gallery.folder).predict(pictures["red"])) == (
        f"{gallery.folder} was made with pixels of weights 0123456789abcdef, and that name has weights "
        f"{card['weights_hash']} now. Restore them, or enroll into a new folder."
    )


def test_damage_and_a_later_version_are_one_sentence(gallery) -> None:
    path = gallery.folder / "gallery.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(json_text(json_in(path) | {"version": 7}), encoding="utf-8")
    assert message(lambda: Gallery.open(gallery.folder)) == (
        f"{gallery.folder} is a gallery of version 7, and this headstart reads up to 2. Update headstart, or enroll its classes "
        "into a new folder."
    )
    path.write_text("{", encoding="utf-8")
    found = message(lambda: Gallery.open(gallery.folder))
    assert found.startswith(f"{gallery.folder} holds a damaged gallery (")
    assert found.endswith("Enroll its classes into a new folder.")
    path.write_text(json_text(json_from(text, "card") | {"version": 1}), encoding="utf-8")
    shutil.copy(gallery.folder / "state.safetensors", gallery.folder / "ground.safetensors")
    assert message(lambda: Gallery.open(gallery.folder)) == (
        f"{gallery.folder} holds a damaged gallery ('relatives' is missing). Enroll its classes into a new folder."
    )
    path.write_text(text, encoding="utf-8")
    broken = gallery.class_store.paths()[1]
    broken.write_bytes(b"half")
    found = message(lambda: Gallery.open(gallery.folder).classes())
    assert found.startswith(f"{broken} is damaged (")
    assert found.endswith("Delete it and enroll its class again.")


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_computed(pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(state_module, "load_backbone", lambda *_, **__: pytest.fail("work was begun"))
    path = pictures["red"][0]
    expected = f"{path} is a file, and a gallery is a folder. Choose another name."
    assert message(lambda: Gallery.create(path / "below", NET)) == message(lambda: Gallery.create(path, NET)) == expected
    monkeypatch.setattr(state_module.os, "access", lambda *_: False)
    assert message(lambda: Gallery.create(tmp_path / "new", NET)) == (
        f"{tmp_path} is read-only, so that no gallery can be written there. Choose another folder."
    )


def test_a_meta_learner_needs_a_source_and_must_be_one(tmp_path) -> None:
    assert message(lambda: Gallery.create(tmp_path / "new", NET, method="proto_net")) == (
        "proto_net meta-trains on a source of other classes, and none was named. Name one with --source."
    )
    assert message(lambda: Gallery.create(tmp_path / "new", NET, method="ridge")) == (
        '"ridge" is not a meta-learner. Known: meta_baseline, proto_net, r2_d2, whitened_mean.'
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["whitened_mean", "r2_d2"])
def test_a_meta_learned_embedding_survives_the_file(kind, pictures, tmp_path) -> None:
    made = Gallery.create(tmp_path / "gallery", NET, source="digits", method=kind)
    made.enroll({name: pictures[name][:2] for name in ("red", "green", "blue")})
    again = Gallery.open(made.folder)
    shown = [path for paths in pictures.values() for path in paths]
    assert again.state.embedding.method == made.state.embedding.method
    assert again.state.card.sentence == f"{kind} was asked for."
    assert again.predict(shown) == made.predict(shown)
    assert [row["label"] for row in again.predict(pictures["red"][2:])] == ["red", "red"]


def test_a_source_of_few_classes_leaves_plain_features(tmp_path) -> None:
    made = Gallery.create(tmp_path / "gallery", NET, source="digits")
    assert made.state.embedding is None
    assert made.state.card.sentence == (
        "The plain head is used: the source has 10 classes with more than 1 image, and 20 are needed to measure on "
        "held-out classes whether meta-training pays."
    )


def test_the_size_of_the_images_decides_the_side_of_the_input(pictures, tmp_path, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(state_module, "side_for", lambda card, native: asked.append(native) or 32)
    Gallery.create(tmp_path / "gallery", NET, pictures["red"])
    assert asked == [32]


def test_a_class_that_two_commands_enrolled_at_once_counts_once_and_is_forgotten_whole(gallery, pictures) -> None:
    shown = [path for paths in pictures.values() for path in paths]
    before = gallery.predict(shown)
    first = gallery.class_store.path_of("green")
    shutil.copy(first, first.with_name(f"00000007-{first.name.partition('-')[2]}"))
    assert gallery.classes() == {"red": 1, "green": 1, "blue": 1}
    assert gallery.predict(shown) == before
    gallery.forget("green")
    assert list(gallery.classes()) == ["red", "blue"]
