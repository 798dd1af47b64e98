"""A run whose network was trained, small pictures, and the module of wandb, recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.runs.run import Run
from headstart.workflows.fit import fit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from tracking_made import OPTIONS, FakeWandb  # noqa: E402  its folder is put on the path first


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes, dark and light, 13 and 17."""
    place, draw = tmp_path_factory.mktemp("data") / "shades", np.random.default_rng(3)
    for level, (name, count) in enumerate((("dark", 13), ("light", 17))):
        (place / name).mkdir(parents=True)
        for row in range(count):
            pixels = (90 * level + draw.integers(0, 150, (8, 8, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(place / name / f"{row}.png")
    return place


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nothing tracked; it is copied before it is tracked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_CACHE", str(tmp_path_factory.mktemp("cache")))
        return fit(str(pictures), out=tmp_path_factory.mktemp("runs") / "trained", **OPTIONS)


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    """The module `wandb` as trackers see it, which records what it is told."""
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake
