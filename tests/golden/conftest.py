"""The data of the golden runs, made from scikit-learn's digits and from seeds."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def extract() -> ModuleType:
    """The module `extract.py` beside this file."""
    spec = importlib.util.spec_from_file_location("golden_extract", Path(__file__).parent / "extract.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """A folder with every kind of data that the golden runs read; all of it is made from digits or from seeds."""
    root = tmp_path_factory.mktemp("golden")
    _class_folder(root / "folder", {0: 17, 1: 14, 7: 2}, seed=1)
    _manifest(root / "groups")
    _given_splits(root / "splits")
    _class_folder(root / "source", {0: 28, 1: 26, 7: 31}, seed=4, dimmed=True)
    _class_folder(root / "other_source", {0: 17, 1: 20, 7: 18}, seed=5, inverted=True)
    _given_splits(root / "target", num_train=(2, 3, 2))
    _class_folder(root / "many_classes", dict.fromkeys(range(3, 9), 10), seed=8)
    _class_folder(root / "shots", {0: 9, 1: 9, 2: 9, 9: 9}, seed=9)
    _vectors(root / "vectors.npz", 97, 7, seed=3)
    _domain(root / "source.npz", 240, seed=1, noise=2)
    _domain(root / "unhelpful.npz", 120, seed=5, noise=2, permuted=True)
    _domain(root / "unlabeled.npz", 300, seed=2, noise=2, shift=[9.0, -7.0, 0.0], num_shown=0, num_test=90)
    _domain(root / "wide_source.npz", 900, seed=1, noise=60)
    _domain(root / "few.npz", 135, seed=4, noise=60, num_test=90)
    _domain(root / "few_of_many.npz", 180, seed=6, noise=2, shift=[2.0, -1.0, 0.0], num_shown=24, num_test=60)
    return root


def _digits(digit: int, count: int, seed: int) -> np.ndarray:
    """Pictures of a digit, uint8 [picture, 8, 8], drawn without replacement."""
    images, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(labels == digit))[:count]
    return (images[rows].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)


def _class_folder(folder: Path, counts: dict[int, int], seed: int, dimmed: bool = False, inverted: bool = False) -> None:
    for digit, count in counts.items():
        pixels = _digits(digit, count, seed)
        pixels = pixels // 2 + 40 if dimmed else 255 - pixels if inverted else pixels
        for index, picture in enumerate(pixels):
            _write(picture, folder / f"digit{digit}" / f"{index:03}.png")


def _write(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def _manifest(folder: Path) -> None:
    """150 labeled noisy pictures in groups of three, and 24 without a label; a group has one class."""
    rows, rng = [], np.random.default_rng(2)
    for digit in (3, 5, 8):
        for index, clean in enumerate(_digits(digit, 58, seed=2)):
            picture = np.clip(clean + rng.normal(0, 40, (8, 8)), 0, 255).astype(np.uint8)
            name, label = f"{digit}_{index:02}.png", f"digit{digit}" if index < 50 else ""
            _write(picture, folder / name)
            rows.append((name, label, f"g{digit}_{index // 3}"))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "group"), *rows])


def _given_splits(folder: Path, num_train: tuple[int, int, int] = (17, 21, 15)) -> None:
    """Train, test and unlabeled pictures of three digits."""
    for digit, count in zip((0, 1, 7), num_train, strict=True):
        parts = np.split(_digits(digit, count + 38, seed=3), [count, count + 19])
        for part, pictures in zip(("train", "test", "unlabeled"), parts, strict=True):
            for index, picture in enumerate(pictures):
                place = folder / part if part == "unlabeled" else folder / part / f"digit{digit}"
                _write(picture, place / f"{digit}_{index:03}.png")


def _vectors(path: Path, num_rows: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    high = np.arange(num_rows) % 3 == 0
    features = (rng.normal(size=(num_rows, width)) + 1.5 * high[:, None]).astype(np.float32)
    np.savez(path, features=features, labels=np.where(high, "high", "low"))


def _domain(
    path: Path,
    num_rows: int,
    seed: int,
    noise: int,
    shift: Any = 0.0,
    num_shown: int | None = None,
    num_test: int = 0,
    permuted: bool = False,
) -> None:
    """Feature vectors of three classes, moved; only the first `num_shown` labels are kept, and the last rows are test rows."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num_rows) % 3
    centers = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    features = np.concatenate(
        [centers[labels] + rng.normal(size=(num_rows, 3)) + shift, 2 * rng.normal(size=(num_rows, noise))], axis=1
    )
    shown = np.array(["cat", "dog", "owl"])[rng.permutation(labels) if permuted else labels].astype(object)
    if num_shown is not None:
        shown[num_shown : num_rows - num_test] = ""
    split = np.array(["train"] * (num_rows - num_test) + ["test"] * num_test)
    np.savez(path, features=features.astype(np.float32), labels=shown.astype(str), split=split)
