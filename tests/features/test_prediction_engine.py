"""Predictions run on an engine that is kept: that of the fit, or one with the same arithmetic."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones.backbone import Backbone
from headstart.backbones.descriptions import Description
from headstart.backbones.engines import choice
from headstart.backbones.engines.kept_engines import kept_engine
from headstart.backbones.engines.machine import engine_names
from headstart.backbones.loading import load_backbone
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.features import prediction_engine
from headstart.features.extract import features_of
from headstart.features.prediction_engine import settle_prediction_engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("openvino-float32" not in engine_names(), reason="openvino is not installed"),
]


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADSTART_ENGINE")
    choice._LAST_USED.clear()


def images() -> ImageSet:
    pixels = np.random.default_rng(3).integers(0, 256, (13, 32, 32, 3), np.uint8)
    rows = np.arange(13)
    return ImageSet(ArrayImages(pixels, "noise", rows), ("a", "b"), np.full(13, UNLABELED, np.int64), rows)


def network(engine: str | None = None) -> Backbone:
    made = load_backbone("timm/test_efficientnet", "none", 32)
    made.engine = engine
    return made


def is_kept(backbone: Backbone) -> bool:
    return kept_engine(str(backbone.engine), Description(backbone).content_key) is not None


def test_few_pictures_are_fitted_by_torch_and_predicted_by_a_kept_engine_of_the_same_arithmetic():
    backbone = network()
    exact = features_of(images(), backbone).penultimate
    assert backbone.engine == "torch-float32"
    settle_prediction_engine(images(), backbone)
    assert backbone.engine in {name for name in engine_names() if name.endswith("-float32")} - {"torch-float32"}
    assert is_kept(backbone)
    found = features_of(images(), backbone).penultimate
    assert 0 < np.abs(found - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("engine", ["openvino-bf16", "openvino-float32"])
def test_an_engine_that_can_be_kept_stays_and_is_kept(engine):
    backbone = network(engine)
    settle_prediction_engine(images(), backbone)
    assert backbone.engine == engine
    assert is_kept(backbone)


def test_an_engine_that_does_not_agree_takes_no_place(monkeypatch):
    monkeypatch.setattr(prediction_engine, "ROUNDING", 1e-12)
    backbone = network("torch-float32")
    settle_prediction_engine(images(), backbone)
    assert backbone.engine == "torch-float32"


def test_torch_stays_where_it_is_asked_for_and_nothing_is_kept(monkeypatch):
    monkeypatch.setenv("HEADSTART_ENGINE", "torch-float32")
    backbone = network()
    settle_prediction_engine(images(), backbone)
    assert backbone.engine == "torch-float32"
    assert not (Path(os.environ["HEADSTART_CACHE"]) / "graphs").exists()
