from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.gallery import shots


@pytest.fixture
def patches(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, color in {"red": (200, 30, 30), "blue": (30, 40, 210), "green": (20, 180, 40)}.items():
        found[name] = tmp_path / f"{name}.png"
        Image.fromarray(np.broadcast_to(np.uint8(color), (32, 32, 3)).copy()).save(found[name])
    return found


@pytest.fixture
def gallery(tmp_path: Path, patches: dict[str, Path], headstart_command) -> Path:
    folder = tmp_path / "gallery"
    for name in ("red", "blue"):
        assert headstart_command("fewshot", "enroll", folder, name, patches[name], "--pretrained", "pixels").code == 0
    return folder


@pytest.mark.slow
def test_enroll_says_what_there_is(gallery, patches, headstart_command) -> None:
    answer = headstart_command("fewshot", "enroll", gallery, "green", patches["green"])
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "green: 1 image. The gallery holds 3 classes.\n"


@pytest.mark.slow
def test_list_shows_backbone_and_classes(gallery, headstart_command) -> None:
    answer = headstart_command("fewshot", "list", gallery)
    assert answer.code == 0
    assert "pixels at 18 pixels" in answer.out
    shown = json.loads(headstart_command("fewshot", "list", gallery, "--json").out)
    assert shown["classes"] == [{"name": "red", "num_images": 1}, {"name": "blue", "num_images": 1}]
    assert shown["pretrained"] == "pixels"


@pytest.mark.slow
def test_predict_prints_a_table_or_one_object_a_line(gallery, patches, headstart_command) -> None:
    answer = headstart_command("fewshot", "predict", gallery, patches["red"], patches["green"])
    assert answer.code == 0
    rows = headstart_command("fewshot", "predict", gallery, patches["red"], patches["green"], "--json").out.splitlines()
    red, green = map(json.loads, rows)
    assert red["label"] == "red"
    assert set(red) == {"path", "label", "probability", "probs", "unknown"}
    assert set(red["unknown"]) == {"similarity", "threshold", "flag"}
    assert ("(perhaps unknown:" in " ".join(answer.out.split())) == green["unknown"]["flag"]


@pytest.mark.slow
def test_an_image_unlike_every_class_is_flagged_and_refused_on_request(gallery, tmp_path, headstart_command, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw, odd = np.random.default_rng(3), Path("o.png")
    Image.fromarray(np.kron(draw.integers(0, 2, (8, 8, 3)), np.ones((4, 4, 1))).astype(np.uint8) * 255).save(odd)
    row = json.loads(headstart_command("fewshot", "predict", gallery, odd, "--json").out)
    unknown = row["unknown"]
    near = f"similarity {unknown['similarity']:.2f}, threshold {unknown['threshold']:.2f})"
    shown = " ".join(headstart_command("fewshot", "predict", gallery, odd).out.split())
    assert f"{row['label']} (perhaps unknown: {near} {row['probability']:.3f}" in shown
    refused = json.loads(headstart_command("fewshot", "predict", gallery, odd, "--refuse", "--json").out)
    assert (refused["label"], refused["best_guess"]) == (None, row["label"])
    shown = " ".join(headstart_command("fewshot", "predict", gallery, odd, "--refuse").out.split())
    assert f"unknown (best guess: {row['label']}, {near}" in shown


def test_a_file_that_is_not_there_makes_no_gallery(tmp_path, headstart_command) -> None:
    answer = headstart_command("fewshot", "enroll", tmp_path / "new", "red", tmp_path / "typo.png", "--pretrained", "pixels")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f'error: No image of "red" can be read: {tmp_path / "typo.png"}')
    assert headstart_command("fewshot", "enroll", tmp_path / "new", " ", tmp_path / "typo.png").code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_gallery_without_a_class_is_listed_as_empty(gallery, headstart_command) -> None:
    for name in ("red", "blue"):
        headstart_command("fewshot", "forget", gallery, name)
    assert headstart_command("fewshot", "list", gallery).out.endswith("It has no class yet.\n")


def test_predict_exits_with_1_where_a_file_cannot_be_read(gallery, patches, tmp_path, headstart_command) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    answer = headstart_command("fewshot", "predict", gallery, patches["red"], tmp_path / "broken.png", "--json")
    assert answer.code == 1
    assert "error" in json.loads(answer.out.splitlines()[1])


def test_forget_removes_a_class(gallery, headstart_command) -> None:
    assert headstart_command("fewshot", "forget", gallery, "red").out == "red is forgotten. The gallery holds 1 class.\n"
    assert json.loads(headstart_command("fewshot", "forget", gallery, "blue", "--json").out)["num_classes"] == 0


def test_files_left_out_are_named_and_exit_with_1(gallery, patches, tmp_path, headstart_command) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    answer = headstart_command("fewshot", "enroll", gallery, "green", patches["green"], tmp_path / "broken.png", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["num_images"] == 1
    assert answer.err.startswith(f"left out: {tmp_path / 'broken.png'}")


@pytest.mark.slow
def test_wishes_about_a_gallery_that_is_there_are_refused(gallery, patches, headstart_command) -> None:
    answer = headstart_command("fewshot", "enroll", gallery, "green", patches["green"], "--pretrained", "efficientnet_lite0")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        f"error: {gallery} was made with pixels, and efficientnet_lite0 was asked. Leave out --pretrained, or enroll into a new "
        "folder.\n"
    )
    for option, value in (("--source", "digits"), ("--method", "proto_net")):
        answer = headstart_command("fewshot", "enroll", gallery, "green", patches["green"], option, value)
        expected = f"error: {option} is for a new gallery, and {gallery} is there already. Leave it out, or name a new folder.\n"
        assert (answer.code, answer.err) == (2, expected)


def test_a_sentence_says_why_meta_training_was_not_kept(patches, tmp_path, headstart_command) -> None:
    words = ("fewshot", "enroll", tmp_path / "new", "red", patches["red"], "--pretrained", "pixels", "--source", "digits")
    answer = headstart_command(*words)
    assert answer.code == 0
    assert answer.err.startswith("The plain head is used: the source has 10 classes")


@pytest.mark.slow
def test_shots_shows_a_table_and_draws_the_curve(tmp_path, headstart_command, monkeypatch) -> None:
    monkeypatch.setattr(shots, "shots_curve", partial(shots.shots_curve, num_episodes=5))
    words = ("fewshot", "shots", "digits", "--pretrained", "pixels", "--ways", "3")
    answer = headstart_command(*words, "-o", tmp_path / "shots.html")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("With 10 images a class, ")
    assert (tmp_path / "shots.html").read_text(encoding="utf-8").count("<circle") == 5
