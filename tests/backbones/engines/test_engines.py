"""Every engine of this machine gives what the network gives, batch by batch, within what its precision allows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.engines import choice
from headstart.backbones.engines.base import Outputs, padded
from headstart.backbones.engines.choice import (
    LARGEST_ERROR,
    engine_named,
    engine_names,
    known_engine,
    requested_engine,
)
from headstart.backbones.engines.trial import feature_error
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.core.errors import MissingExtraError, PlanError
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model

pytestmark = pytest.mark.slow

EXACT = [name for name in engine_names() if name.endswith("float32")]
HALF = [name for name in engine_names() if name.endswith("bf16")]


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADSTART_ENGINE")


def _network(name: str = "timm/test_efficientnet", seed: int = 0) -> Backbone:
    return load_backbone(name, weights="none", input_pixels=32, seed=seed)


def _pictures(rows: int = 19, pixels: int = 32) -> np.ndarray:
    smooth = np.random.default_rng(5).integers(0, 256, (rows, 4, 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(smooth, pixels // 4, axis=1), pixels // 4, axis=2)


def _all(name: str, backbone: Backbone, pictures: np.ndarray) -> Outputs:
    engine = engine_named(name, Describe(backbone), lambda count: pictures[:count])
    parts = [pictures[start : start + engine.batch_rows] for start in range(0, len(pictures), engine.batch_rows)]
    return tuple(np.concatenate(outputs) for outputs in zip(*engine.run(parts), strict=True))


def _plain(backbone: Backbone, pictures: np.ndarray) -> Outputs:
    with torch.inference_mode():
        return tuple(output.numpy() for output in Describe(backbone)(torch.from_numpy(pictures)))


@pytest.mark.parametrize("network", ["timm/test_efficientnet", "timm/test_vit", "timm/test_convnext", "timm/test_resnet"])
@pytest.mark.parametrize("name", EXACT)
def test_exact_engines_equal_the_network(name: str, network: str) -> None:
    backbone, pictures = _network(network) if "vit" not in network else load_backbone(network, weights="none"), _pictures()
    if backbone.transform.pixels != 32:
        pictures = _pictures(pixels=backbone.transform.pixels)
    for given, wanted in zip(_all(name, backbone, pictures), _plain(backbone, pictures), strict=True):
        assert given.dtype == np.float32
        np.testing.assert_allclose(given, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max()))


@pytest.mark.parametrize("name", HALF)
def test_half_precision_stays_within_the_bound_and_is_not_exact(name: str) -> None:
    backbone, pictures = _network(), _pictures()
    error = feature_error(_all(name, backbone, pictures), _plain(backbone, pictures))
    assert 1e-4 < error < LARGEST_ERROR


@pytest.mark.parametrize("name", [*EXACT, *HALF])
def test_a_row_does_not_depend_on_its_batch_and_the_network_stays_as_it_was(name: str) -> None:
    backbone, pictures = _network().train(), _pictures(19)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    whole, alone = _all(name, backbone, pictures), _all(name, backbone, pictures[18:])
    for rows, row in zip(whole, alone, strict=True):
        np.testing.assert_allclose(rows[18:], row, rtol=1e-4, atol=1e-5 * float(np.abs(rows).max()))
    assert backbone.training
    for key, value in backbone.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_names_of_outputs_are_as_many_as_outputs() -> None:
    for backbone in (_network(), _network("timm/test_resnet"), load_backbone("pixels", input_pixels=5)):
        program = Describe(backbone)
        pictures = np.zeros((3, backbone.transform.pixels, backbone.transform.pixels, 3), np.uint8)
        assert len(program.names) == len(_plain(backbone, pictures))


def test_padded_batches_end_in_black() -> None:
    batch = np.full((2, 3, 3, 3), 7, np.uint8)
    assert padded(batch, 2) is batch
    assert padded(batch, 5)[2:].max() == 0


def test_the_engine_is_kept_with_the_backbone(tmp_path: Path) -> None:
    backbone = _network()
    backbone.engine = "torch-bf16"
    backbone.save(tmp_path)
    assert Backbone.load(tmp_path).engine == "torch-bf16"
    assert backbone.refreshed().engine is None


def test_a_requested_engine_comes_before_what_ran_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = _network()
    backbone.engine = "torch-bf16"
    assert known_engine(backbone) == "torch-bf16"
    monkeypatch.setenv("HEADSTART_ENGINE", "torch-float32")
    assert known_engine(backbone) == "torch-float32"
    monkeypatch.setenv("HEADSTART_ENGINE", "auto")
    assert requested_engine() is None


def test_an_unknown_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "engine_names", lambda: ["torch-bf16", "torch-float32"])
    monkeypatch.setenv("HEADSTART_ENGINE", "tensorrt")
    with pytest.raises(PlanError) as caught:
        requested_engine()
    assert str(caught.value) == 'HEADSTART_ENGINE = "tensorrt" is not an engine. Here there are torch-bf16, torch-float32.'


def test_an_engine_that_is_missing_here_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(choice, "engine_names", lambda: ["torch-bf16", "torch-float32"])
    backbone = _network()
    backbone.engine = "openvino-bf16"
    with pytest.raises(MissingExtraError) as caught:
        known_engine(backbone)
    assert str(caught.value) == (
        'the engine of timm/test_efficientnet = "openvino-bf16" cannot run here. OpenVINO has no package for this system. Here '
        "there are torch-bf16, torch-float32; HEADSTART_ENGINE chooses one, and features then differ by less than 15%."
    )


@pytest.mark.skipif("openvino-int8" not in engine_names(), reason="nncf is not installed")
def test_int8_is_calibrated_once_and_goes_with_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone, pictures = _network(), _pictures(24)
    first = _all("openvino-int8", backbone, pictures)
    assert capsys.readouterr().out == ""
    Model(backbone, LinearHead(None, np.zeros((backbone.feature_width, 2)), np.zeros(2)), 1.0, ("a", "b")).save(
        tmp_path / "model"
    )
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "elsewhere"))
    choice._LAST_USED.clear()
    again = _all("openvino-int8", Model.load(tmp_path / "model").backbone, pictures)
    np.testing.assert_array_equal(again[0], first[0])
