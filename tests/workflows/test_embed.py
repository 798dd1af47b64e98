"""Embedding: features in a file that is data again, and runs on it."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import headstart
from headstart.core.errors import DataError, ExportError
from headstart.core.rows import LazyRows


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """Two classes with a given split, one copy, one file that is no picture and two unlabeled images."""
    place, rng = tmp_path_factory.mktemp("data") / "shades", np.random.default_rng(3)
    for split, count in (("train", 9), ("test", 4)):
        for level, name in enumerate(("dark", "light")):
            (place / split / name).mkdir(parents=True)
            for row in range(count):
                pixels = (120 * level + rng.integers(0, 120, (11, 13, 3))).astype(np.uint8)
                Image.fromarray(pixels).save(place / split / name / f"{row}.png")
    (place / "unlabeled").mkdir()
    for row in range(2):
        Image.fromarray(rng.integers(0, 255, (11, 13, 3)).astype(np.uint8)).save(place / "unlabeled" / f"{row}.png")
    (place / "train" / "dark" / "copy.png").write_bytes((place / "train" / "dark" / "0.png").read_bytes())
    (place / "train" / "dark" / "bad.png").write_bytes(b"no picture")
    return place


@pytest.fixture(scope="module")
def embedded(shades, tmp_path_factory):
    """The features of those images in both formats."""
    folder = tmp_path_factory.mktemp("features")
    for suffix in ("npz", "parquet"):
        assert headstart.embed(shades, folder / f"shades.{suffix}", pretrained="pixels") == 29
    return folder


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_the_file_is_read_as_the_images_are(shades, embedded, suffix):
    task, images = headstart.read_task(embedded / f"shades.{suffix}"), headstart.read_task(shades)
    assert (task.classes, len(task.train), len(task.test), len(task.unlabeled)) == (("dark", "light"), 19, 8, 2)
    assert sorted(task.train.labels.tolist()) == sorted(images.train.labels.tolist())
    assert len(np.unique(task.train.groups)) == len(np.unique(images.train.groups)) == 18
    assert np.isfinite(task.train.images.vectors()).all()


def test_a_run_on_embeddings_predicts_files_of_embeddings(embedded, shades, tmp_path, headstart_command):
    place = embedded / "shades.npz"
    answer = headstart_command("fit", place, "--method", "ridge", "-o", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    run = headstart.Run.load(tmp_path / "run")
    rows = run.predict(str(place), refuse=0)
    assert [row["path"] for row in rows[:2]] == [f"{place}[0]", f"{place}[1]"]
    assert (len(rows), {row["label"] for row in rows}) == (29, {"dark", "light"})
    assert headstart.predict(tmp_path / "run", [embedded / "shades.parquet"], refuse=0)[3]["probs"] == rows[3]["probs"]
    answer = headstart_command("predict", tmp_path / "run", place, shades / "test" / "dark" / "0.png", "--json")
    assert answer.code == 1
    *_, last = map(json.loads, answer.out.splitlines())
    picture = shades / "test" / "dark" / "0.png"
    assert last == {
        "path": str(picture),
        "error": f"{picture}: holds no feature vectors, and the model was fitted on such. Give a .npz or .parquet file.",
    }
    np.savez(tmp_path / "narrow.npz", features=np.ones((2, 5)))
    answer = headstart_command("predict", tmp_path / "run", tmp_path / "narrow.npz")
    assert (answer.code, answer.err) == (
        2,
        "error: The features are 5 wide, and the model was fitted on 363. Give features that the same network made.\n",
    )


def test_the_command_says_how_many_and_what_is_next(shades, tmp_path, headstart_command):
    words = ("embed", shades / "unlabeled", "-o", tmp_path / "free.npz", "--pretrained", "pixels", "--pixels", "8")
    text = "".join(headstart_command(*words).out.split())
    assert text == f"Features{tmp_path / 'free.npz'}Images2Nextheadstartrun{tmp_path / 'free.npz'}"
    assert json.loads(headstart_command(*words, "--json").out) == {"file": str(tmp_path / "free.npz"), "num_images": 2}
    assert np.load(tmp_path / "free.npz")["features"].shape == (2, 192)


def test_what_cannot_be_embedded_is_one_sentence(embedded, tmp_path):
    with pytest.raises(ExportError) as caught:
        headstart.embed("digits", tmp_path / "out.csv")
    assert str(caught.value) == f'{tmp_path / "out.csv"} ends in ".csv". Choose one of .npz, .parquet.'
    with pytest.raises(DataError) as caught:
        headstart.embed(embedded / "shades.npz", tmp_path / "out.npz")
    assert str(caught.value) == f"{embedded / 'shades.npz'} holds feature vectors already. Name images."


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_file_is_written_some_rows_at_a_time(suffix, tmp_path, monkeypatch):
    module = importlib.import_module("headstart.workflows.embed")
    monkeypatch.setattr(module, "ROW_GROUP", 1_000)
    features = np.random.default_rng(0).normal(size=(2_503, 3)).astype(np.float32)
    most: list[int] = []

    def read(part):
        most.append(len(features[part]))
        return features[part]

    columns = {"labels": [f"c{row % 7}" for row in range(2_503)], "split": [""] * 2_503}
    with (tmp_path / f"x{suffix}").open("wb") as stream:
        module.WRITERS[suffix](stream, LazyRows(features.shape, read), columns)
    assert (sum(most), max(most) <= 1_024) == (2_503, True)
    if suffix == ".npz":
        found = np.load(tmp_path / "x.npz")
        read_again = (found["features"], found["labels"].tolist(), found["split"].tolist())
    else:
        table = pq.read_table(tmp_path / "x.parquet").to_pydict()
        read_again = (np.array(table["features"], np.float32), table["labels"], table["split"])
    np.testing.assert_array_equal(read_again[0], features)
    assert read_again[1:] == tuple(columns.values())
