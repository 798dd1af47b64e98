"""Pictures in files: patches of one color each, with noise, and features made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.features.feature_set import FeatureSet

COLORS = {"red": (200, 30, 30), "green": (20, 180, 40), "blue": (30, 40, 210), "yellow": (220, 210, 20), "gray": (120, 120, 120)}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Four pictures of each color."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    found: dict[str, list[Path]] = {}
    for name, color in COLORS.items():
        for number in range(4):
            pixels = np.clip(np.array(color) + draw.normal(0, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
            path = folder / f"{name}-{number}.png"
            Image.fromarray(pixels).save(path)
            found.setdefault(name, []).append(path)
    return found


@pytest.fixture
def features() -> Callable[[np.ndarray, int], FeatureSet]:
    """Makes rows of two stages around a center a class."""
    return made_features


def made_features(labels: np.ndarray, seed: int, noise: float = 0.3) -> FeatureSet:
    draw = np.random.default_rng(seed)
    centers = np.random.default_rng(77).normal(size=(1000, 11))
    stages = tuple(
        (centers[labels, :width] + noise * draw.normal(size=(len(labels), width))).astype(np.float32) for width in (7, 11)
    )
    return FeatureSet(stages, None, None, ("early", "late"))
