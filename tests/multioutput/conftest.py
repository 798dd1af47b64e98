"""Small data with several labels or a number each: pictures by a manifest, and feature vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLORS = ("red", "green", "blue")


def written(folder: Path, kind: str) -> str:
    """A file of 97 feature vectors with labels or a number; its path comes back."""
    rng = np.random.default_rng(7)
    features = rng.normal(size=(97, 11)).astype(np.float32)
    if kind == "numbers":
        told = {"target": features @ rng.normal(size=11) + rng.normal(size=97) / 3}
    else:
        present = features @ rng.normal(size=(11, 3)) + rng.normal(size=(97, 3)) / 3 > 0.4
        told = {"labels": np.array([";".join(np.array(COLORS)[row]) or ";" for row in present])}
    np.savez(folder / f"{kind}.npz", features=features, **told)
    return str(folder / f"{kind}.npz")


@pytest.fixture(scope="session")
def vectors(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("vectors")
    return {kind: written(folder, kind) for kind in ("several_labels", "numbers")}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A folder of small pictures in which colors are there or not, with `labels.csv` and `share.csv`: how red each is."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(3)
    labels, numbers = ["path,labels"], ["path,target"]
    for row in range(61):
        shown = rng.integers(0, 2, 3).astype(bool)
        pixels = rng.integers(0, 60, (8, 8, 3)) + 120 * shown
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row}.png")
        labels.append(f"{row}.png,{';'.join(np.array(COLORS)[shown]) or ';'}")
        numbers.append(f"{row}.png,{pixels[..., 0].mean() + 0.5:.3f}")
    (folder / "labels.csv").write_text("\n".join(labels) + "\n")
    (folder / "share.csv").write_text("\n".join(numbers) + "\n")
    return folder
