"""Features go with a work as they are in the store, and the machine that receives them extracts nothing."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.backbones.loading import load_backbone
from headstart.data.images import ArrayImages, ImageSet
from headstart.features import extract, sent_features
from headstart.features.extract import features_of, num_missing
from headstart.features.sent_features import receive, shared_features


@pytest.fixture
def backbone():
    return load_backbone("small_cnn", "none", 16)


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(0, 255, (301, 9, 9, 3)).astype(np.uint8)
    return ImageSet(ArrayImages(pixels, "noise", np.arange(301)), ("a", "b"), np.arange(301) % 2, np.arange(301))


def test_what_is_received_is_what_was_sent_bit_for_bit(images, backbone, monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "here"))
    here = features_of(images, backbone)
    sent = shared_features([images, images.take(range(7))], backbone).value
    assert len(sent.keys) == 301
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "there"))
    assert num_missing(images, backbone) == 301
    receive(sent, backbone)
    assert num_missing(images, backbone) == 0
    monkeypatch.setattr(extract, "_extract", lambda *_: pytest.fail("extracted again"))
    there = features_of(images, backbone)
    for one, other in zip(here.stages, there.stages, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(here.pixels, there.pixels)
    before = {path.name for path in (tmp_path / "there").rglob("*.safetensors")}
    receive(sent, backbone)
    assert {path.name for path in (tmp_path / "there").rglob("*.safetensors")} == before


def test_only_sets_that_are_whole_here_are_sent(images, backbone, monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    assert shared_features([images], backbone).value is None
    receive(None, backbone)
    part = images.take(range(20))
    features_of(part, backbone)
    assert shared_features([images, part], backbone).value.keys == part.content_keys


def test_many_features_are_not_sent(images, backbone, monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    features_of(images, backbone)
    monkeypatch.setattr(sent_features, "MOST_BYTES", 1_000)
    assert shared_features([images], backbone).value is None
