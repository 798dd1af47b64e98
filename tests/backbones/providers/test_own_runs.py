"""A finished run is again something to transfer from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import card_of, load_backbone
from headstart.core.errors import PretrainedError


def _run(folder: Path) -> Backbone:
    backbone = load_backbone("timm/test_resnet", weights="none", input_pixels=96, seed=2).refreshed()
    backbone.save(folder / "model" / "backbone")
    return backbone


@pytest.mark.parametrize("prefix", ["run:", ""])
def test_run_folder_loads_as_a_backbone_and_outlives_its_folder(tmp_path: Path, prefix: str) -> None:
    given = _run(tmp_path / "run")
    loaded = load_backbone(f"{prefix}{tmp_path / 'run'}")
    assert loaded.weights_hash == given.weights_hash
    assert loaded.transform.pixels == 96
    assert not loaded.source_classes
    loaded.save(tmp_path / "kept")
    (tmp_path / "run").rename(tmp_path / "moved")
    assert Backbone.load(tmp_path / "kept").weights_hash == given.weights_hash


def test_run_can_start_from_random_weights(tmp_path: Path) -> None:
    given = _run(tmp_path)
    fresh = load_backbone(f"run:{tmp_path}", weights="none", seed=5)
    assert fresh.weights_hash != given.weights_hash
    assert fresh.stage_names == given.stage_names


def test_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError) as caught:
        card_of(f"run:{tmp_path}")
    expected = f"{tmp_path} holds no backbone of a finished run. Name a run's folder: `headstart runs` lists them."
    assert str(caught.value) == expected


def test_card_of_a_run_says_where_it_comes_from(tmp_path: Path) -> None:
    _run(tmp_path / "flowers")
    card = card_of(f"run:{tmp_path / 'flowers'}")
    assert card.source == "the run flowers"
    assert card.source_accuracy is None
    assert torch.equal(torch.tensor(card.mean), torch.tensor(card_of("timm/test_resnet").mean))
