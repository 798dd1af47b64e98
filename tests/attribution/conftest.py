"""Models whose decisive places are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit

from headstart.data.images import ArrayImages


class CornerModel:
    """Says "bright" of pictures whose corner at the top right, a third of each side, is bright; no other place counts."""

    classes = ("bright", "dark")
    backbones = (SimpleNamespace(transform=SimpleNamespace(pixels=28)),)

    def predict(self, rows):
        corner = rows.images.squares(np.arange(len(rows)), 28)[:, :9, 19:].mean(axis=(1, 2, 3))
        bright = expit((corner - 128) / 20)
        return SimpleNamespace(probs=np.stack([bright, 1 - bright], axis=1))


@pytest.fixture
def corner_model():
    return CornerModel()


@pytest.fixture
def bright_corners():
    """Noise, whose corner at the top right is brighter."""
    pixels = np.random.default_rng(0).integers(0, 60, (3, 28, 28, 3)).astype(np.uint8)
    pixels[:, :9, 19:] += 180
    return ArrayImages(pixels, "corners", np.arange(3))
