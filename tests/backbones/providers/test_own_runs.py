"""A finished run is again something to transfer from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of, pretrained
from headstart.backbones.loading import load_backbone
from headstart.backbones.providers.own_runs import register_run
from headstart.core.errors import PretrainedError


def _run(folder: Path) -> Backbone:
    backbone = load_backbone("timm/test_resnet", weights="none", input_pixels=96, seed=2).refreshed()
    backbone.save(folder / "model" / "backbone")
    return backbone


@pytest.mark.slow
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


LINEAGE = {
    "source": "leaves",
    "place": "leaves/",
    "task_fingerprint": "abc",
    "num_images": 1_009,
    "classes": [],
    "method": "sim_clr",
    "epochs": 3,
    "started_from": "",
    "mean": [0.1, 0.2, 0.3],
    "std": [0.4, 0.5, 0.6],
}


def test_only_runs_that_were_registered_are_listed_and_only_while_they_are_there(tmp_path: Path) -> None:
    for name in ("seen", "unseen"):
        _run(tmp_path / name)
    assert register_run(tmp_path / "seen") == f"run:{tmp_path / 'seen'}"
    register_run(tmp_path / "seen")
    register_run(tmp_path / "empty")
    names = [card.name for card in pretrained(provider="own_runs") if str(tmp_path) in card.name]
    assert names == [f"run:{tmp_path / 'seen'}"]
    (tmp_path / "seen" / "model" / "backbone" / "card.json").unlink()
    assert not any(str(tmp_path) in card.name for card in pretrained(provider="own_runs"))


def test_a_pretrained_run_s_card_names_its_source_and_its_own_normalization(tmp_path: Path) -> None:
    mean, std = (0.25, 0.5, 0.75), (0.2, 0.3, 0.4)
    backbone = load_backbone("small_cnn", "none", 11, mean=mean, std=std)
    backbone.refreshed().save(tmp_path / "model" / "backbone")
    (tmp_path / "lineage.json").write_text(json.dumps(LINEAGE), encoding="utf-8")
    card = card_of(f"run:{tmp_path}")
    assert card.source == "leaves, 1,009 pictures (sim_clr)"
    assert (card.mean, card.std, card.input_pixels, card.provider) == (mean, std, 11, "own_runs")
    loaded = load_backbone(card.name)
    assert loaded.weights_hash == backbone.weights_hash
    images = torch.rand(2, 3, 11, 11, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loaded.normalized(images)[:, 2], (images[:, 2] - 0.75) / 0.4)
    loaded.save(tmp_path / "kept")
    assert Backbone.load(tmp_path / "kept").weights_hash == backbone.weights_hash


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["model/backbone/card.json", "lineage.json"])
def test_a_damaged_one_does_not_keep_the_others_from_being_listed(damaged: str, tmp_path: Path) -> None:
    for name in ("whole", "damaged"):
        _run(tmp_path / name)
        register_run(tmp_path / name)
    (tmp_path / "damaged" / damaged).write_text("{", encoding="utf-8")
    names = [card.name for card in pretrained(provider="own_runs") if str(tmp_path) in card.name]
    assert names == [f"run:{tmp_path / 'whole'}"]


def test_a_run_whose_weights_are_gone_is_refused(tmp_path: Path) -> None:
    _run(tmp_path)
    folder = tmp_path / "model" / "backbone"
    (folder / "weights.safetensors").unlink()
    with pytest.raises(PretrainedError) as caught:
        load_backbone(f"run:{tmp_path}")
    said = f"weights.safetensors: No such file or directory: {folder / 'weights.safetensors'}"
    assert str(caught.value) == f"{folder} holds no whole backbone ({said}). Fit the run again."


@pytest.mark.parametrize("text", ["{", '{"card": {}}'])
def test_a_damaged_card_is_refused(text: str, tmp_path: Path) -> None:
    _run(tmp_path)
    path = tmp_path / "model" / "backbone" / "card.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PretrainedError) as caught:
        card_of(f"run:{tmp_path}")
    assert str(caught.value).startswith(f"{path} cannot be read (")
    assert str(caught.value).endswith("). Fit the run again.")
