from __future__ import annotations

import importlib.util
import zipfile
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from headstart.core.errors import DataError, MissingExtraError
from headstart.data.built_in import BUILT_IN, built_in_names, emoji, fashion_mnist
from headstart.data.readers.built_in import BuiltInReader
from headstart.data.reading import read_task

EMBEDDED = files("headstart.data.built_in").joinpath("emoji_pictures")


def test_names_are_listed_with_a_line_each():
    assert sorted(built_in_names()) == ["digits", "elpv", "emoji", "emoji-noto", "emoji-twemoji", "fashion-mnist", "mnist"]
    assert BuiltInReader().recognizes("emoji-noto")
    assert not BuiltInReader().recognizes("./emoji")
    assert not BuiltInReader().recognizes("")


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(DataError) as refusal:
        BuiltInReader().read("emojis")
    assert str(refusal.value) == '"emojis" is not a built-in set. Did you mean "emoji"?'


def test_both_vendors_draw_the_same_emoji_in_the_same_classes():
    noto, twemoji = (set(zipfile.ZipFile(str(EMBEDDED / f"{vendor}.zip")).namelist()) for vendor in emoji.VENDORS)
    assert noto == twemoji
    assert len(noto) == 704
    counts = Counter(path.split("/")[0] for path in noto)
    assert len(counts) == 22
    assert (min(counts.values()), max(counts.values())) == (16, 45)


def test_no_emoji_has_a_skin_tone():
    tones = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
    names = zipfile.ZipFile(str(EMBEDDED / "noto.zip")).namelist()
    assert not [name for name in names if tones & set(Path(name).stem.split("-"))]


def test_embedded_set_is_small_and_carries_its_licenses():
    sizes = {entry.name: len(entry.read_bytes()) for entry in EMBEDDED.iterdir()}
    assert sum(sizes.values()) < 6_000_000
    assert "Apache License" in EMBEDDED.joinpath("LICENSE-noto-Apache-2.0.txt").read_text(encoding="utf-8")
    assert "Attribution 4.0 International" in EMBEDDED.joinpath("LICENSE-twemoji-CC-BY-4.0.txt").read_text(encoding="utf-8")
    for word in ("Noto Emoji", "Twemoji", "emoji-datasource-google 16.0.0"):
        assert word in EMBEDDED.joinpath("NOTICE.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_emoji_of_both_vendors_stays_on_one_side():
    task = read_task("emoji", seed=3, test=0.2)
    assert set(task.train.domains) == set(task.test.domains) == {"noto", "twemoji"}
    assert not np.intersect1d(task.train.groups, task.test.groups).size
    assert len(task.train) + len(task.test) == 1408
    assert (task.native_pixels, task.channels, task.num_classes) == (64, 3, 22)
    assert 0.17 < len(task.test) / 1408 < 0.23


def test_transparent_pixels_are_white():
    raw = BUILT_IN.get("emoji")().read("emoji-noto")
    assert (raw.images.pixels[:, 0, 0] == 255).all(axis=1).mean() > 0.8


def test_one_vendor_alone_has_no_domain():
    raw = BUILT_IN.get("emoji")().read("emoji-twemoji")
    assert set(raw.domains) == {""}
    assert len(set(raw.groups)) == len(raw.images) == 704


def test_digits_are_read_at_their_native_size():
    raw = BUILT_IN.get("digits")().read("digits")
    ink, labels = load_digits(return_X_y=True)
    assert raw.images.pixels.shape == (1797, 8, 8, 1)
    assert np.abs(raw.images.pixels.reshape(1797, 64) * (16 / 255) - ink).max() < 0.04
    assert raw.labels == tuple(map(str, labels))
    task = read_task("digits", per_class=10)
    assert task.classes == tuple("0123456789")
    assert task.train.class_counts.tolist() == [10] * 10
    assert (len(task.test), task.native_pixels, task.channels) == (1697, 8, 1)


def test_solar_cells_above_one_half_are_defective():
    pytest.importorskip("elpv_dataset")
    raw = BUILT_IN.get("elpv")().read("elpv")
    assert Counter(raw.labels) == {"functional": 1803, "defective": 821}
    assert raw.images.read(0).size == (300, 300)


def test_solar_cells_name_the_extra_that_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as refusal:
        BUILT_IN.get("elpv")().read("elpv")
    assert str(refusal.value) == (
        'The built-in set "elpv" needs the package elpv-dataset, which is not installed. '
        "Install it with: pip install headstart[elpv]."
    )


def test_fashion_mnist_says_where_its_files_belong(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path))
    with pytest.raises(DataError) as refusal:
        BUILT_IN.get("fashion_mnist")().read("fashion-mnist")
    assert str(refusal.value) == (
        'The built-in set "fashion-mnist" was not found. Install the Debian package dataset-fashion-mnist, or put its four '
        ".gz files into a folder fashion-mnist and set HEADSTART_DATA to the folder that holds it."
    )


@pytest.mark.slow
@pytest.mark.skipif(not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_fashion_mnist_keeps_the_authors_test_split():
    task = read_task("fashion-mnist")
    assert (len(task.train), len(task.test), task.native_pixels, task.channels) == (60_000, 10_000, 28, 1)
    assert len(task.folds) == 1
    assert task.train.class_counts.tolist() == [6000] * 10
    assert "ankle boot" in task.classes
