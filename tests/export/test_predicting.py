"""What a bundle's script does with files: they are read as headstart reads them, and computed together where sizes allow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from headstart.core.printable import UNPRINTABLE
from headstart.data.decoding import open_image
from headstart.export.predicting import answers, fault_of_bundle, picture_files, predict, read_picture
from headstart.runs.manifest import write_sums

ABOUT = {"classes": ["dark", "light"], "pixels": 8, "unusual": 0.05}


def drawn(mode: str, height: int = 37, width: int = 53) -> Image.Image:
    pixels = np.random.default_rng(4).integers(0, 256, (height, width, 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(pixels, "RGBA").convert(mode)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.png", "RGBA"), ("b.png", "L"), ("c.png", "I;16"), ("d.gif", "P"), ("e.jpg", "RGB"), ("f.webp", "RGB"), ("g.bmp", "1")],
)
def test_a_script_reads_a_picture_as_headstart_does(name, mode, tmp_path):
    path = tmp_path / name
    orientation = Image.Exif()
    orientation[0x0112] = 6
    drawn(mode).save(path, **({"exif": orientation} if name.endswith("jpg") else {}))
    found = read_picture(path, 8)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.asarray(open_image(path, 8)))


def test_pictures_of_one_size_that_follow_one_another_are_computed_together(tmp_path):
    for row, side in enumerate((9, 9, 9, 11, 9)):
        Image.new("RGB", (side, 7), (50 * row, 0, 0)).save(tmp_path / f"{row}.png")
    (tmp_path / "2b.png").write_text("no picture")
    shapes = []

    def run(images):
        shapes.append(images.shape)
        light = images[:, 0, 0, 0] / 255
        return [np.stack([1 - light, light], axis=1), np.linspace(0.01, 0.2, len(images))]

    rows = list(answers(picture_files([str(tmp_path)]), run, dict(ABOUT), batch=2))
    assert shapes == [(2, 7, 9, 3), (1, 7, 9, 3), (1, 7, 11, 3), (1, 7, 9, 3)]
    assert [row["path"].rsplit("/", 1)[-1] for row in rows] == ["0.png", "1.png", "2.png", "2b.png", "3.png", "4.png"]
    assert [row.get("label") for row in rows] == ["dark", "dark", "dark", None, "light", "light"]
    assert rows[0]["probs"] == {"dark": 1.0, "light": 0.0}
    assert rows[0]["unknown"] == {"p_value": 0.01, "flag": True}
    assert rows[1]["unknown"]["flag"] is False
    assert rows[3]["error"].startswith(f"{tmp_path / '2b.png'}: cannot be read (cannot identify image file")


def test_a_model_without_a_detector_says_nothing_of_unknown_pictures(tmp_path):
    Image.new("RGB", (9, 7)).save(tmp_path / "0.png")
    (row,) = answers([tmp_path / "0.png"], lambda images: [np.array([[0.25, 0.75]])], dict(ABOUT), batch=8)
    assert row == {
        "path": str(tmp_path / "0.png"),
        "label": "light",
        "probability": 0.75,
        "probs": {"dark": 0.25, "light": 0.75},
        "unknown": None,
    }


def test_a_file_that_claims_too_many_pixels_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (9, 7)).save(tmp_path / "0.png")
    monkeypatch.setattr("headstart.export.predicting.MOST_PIXELS", 60)
    (row,) = answers([tmp_path / "0.png"], lambda images: [], dict(ABOUT), batch=8)
    assert row["error"] == f"{tmp_path / '0.png'}: cannot be read (9 x 7 pixels are too many)"


@pytest.fixture
def bundle(tmp_path):
    for name in ("bundle.json", "classes.json", "model.onnx", "README.md"):
        (tmp_path / name).write_text(f"{name}\n")
    write_sums(tmp_path)
    return tmp_path


def test_a_bundle_as_it_was_exported_has_no_fault_whatever_is_said_of_it(bundle):
    (bundle / "README.md").write_text("my own words")
    assert fault_of_bundle(bundle, "model.onnx") == ""
    (bundle / "SHA256SUMS").unlink()
    assert fault_of_bundle(bundle, "model.onnx") == ""


@pytest.mark.parametrize("name", ["bundle.json", "classes.json", "model.onnx"])
def test_a_bundle_of_which_a_file_is_another_one_names_it(name, bundle):
    (bundle / name).write_text("other")
    assert fault_of_bundle(bundle, "model.onnx") == (
        f"{bundle / name} is not as it was exported: SHA256SUMS has another hash. Export the model again."
    )


def test_files_beside_a_bundle_do_not_matter_but_what_is_loaded_has_to_be_one_of_its_own(bundle):
    (bundle / "model.trt").write_text("an engine that was made later")
    assert fault_of_bundle(bundle, "model.onnx") == ""
    assert fault_of_bundle(bundle, "model.trt") == (
        f"{bundle}/model.trt is not one of the files that were exported (SHA256SUMS does not name it). Export the model again."
    )


def test_a_bundle_that_lacks_a_file_names_it(bundle):
    (bundle / "model.onnx").unlink()
    assert (
        fault_of_bundle(bundle, "model.onnx")
        == f"{bundle}/model.onnx cannot be read (No such file or directory). Export the model again."
    )
    (bundle / "SHA256SUMS").write_bytes(b"\xff\xfe")
    assert (
        fault_of_bundle(bundle, "model.onnx") == f"{bundle}/SHA256SUMS cannot be read (not UTF-8 text). Export the model again."
    )


def test_the_script_shows_names_of_files_and_classes_without_marks_of_direction(bundle, capsys, monkeypatch):
    about = {"pixels": 8, "unusual": 0.05}
    (bundle / "bundle.json").write_text(json.dumps(about))
    (bundle / "classes.json").write_text(json.dumps(["dark", "\u202egpj.exe"]))
    write_sums(bundle)
    Image.new("RGB", (9, 7)).save(bundle / "a\u202e\x1b[2J.png")
    monkeypatch.setattr("sys.argv", ["predict.py", str(bundle)])
    assert predict(bundle, lambda _: lambda images: [np.array([[0.25, 0.75]])], "model.onnx") == 0
    said = capsys.readouterr().out
    assert json.loads(said)["label"] == "\u202egpj.exe"
    assert not UNPRINTABLE.search(said)
