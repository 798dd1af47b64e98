"""Lets the tests of this folder import what they share; pictures of a source, and networks that were pretrained on it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from headstart.runs.run import Run
from headstart.workflows.pretrain import pretrain

sys.path.insert(0, str(Path(__file__).parent))

from pretraining_made import COUNTS, SHORT, picture


@pytest.fixture(scope="session")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety-seven digits of three classes, in class folders."""
    place = tmp_path_factory.mktemp("source") / "digits"
    for name, (digit, count) in COUNTS.items():
        (place / name).mkdir(parents=True)
        for row in np.flatnonzero(load_digits().target == digit)[:count].tolist():
            picture(row).save(place / name / f"{row}.png")
    return place


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other digits of two of the classes."""
    place = tmp_path_factory.mktemp("others") / "digits"
    for name in ("one", "seven"):
        (place / name).mkdir(parents=True)
        for row in np.flatnonzero(load_digits().target == COUNTS[name][0])[100:123].tolist():
            picture(row).save(place / name / f"{row}.png")
    return place


@pytest.fixture(scope="session")
def unlabeled(labeled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures in a folder unlabeled/, and nothing beside it."""
    place = tmp_path_factory.mktemp("pool") / "digits"
    for file in labeled.rglob("*.png"):
        (place / "unlabeled").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place / "unlabeled" / file.name)
    return place


@pytest.fixture(scope="module")  # models that a module pretrained are listed no more in the next one
def supervised(labeled: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pretrain(labeled, settings=SHORT, out=tmp_path_factory.mktemp("runs") / "supervised")


@pytest.fixture(scope="module")
def headless(unlabeled: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pretrain(unlabeled, settings=SHORT, out=tmp_path_factory.mktemp("runs") / "headless")
