from __future__ import annotations

import pytest

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.training.depth import cut_before, every_cut, stages_behind, weights_by_stage


@pytest.fixture
def backbone() -> Backbone:
    made = load_backbone("small_cnn", "none", 28)
    made.weights = "pretrained"
    return made


@pytest.mark.slow
def test_every_weight_but_the_classifier_s_lies_in_one_stage() -> None:
    backbone = load_backbone("efficientnet_lite0", "none", 32)
    found = weights_by_stage(backbone)
    assert list(found) == list(backbone.stage_names)
    names = {id(weight): name for name, weight in backbone.module.named_parameters()}
    listed = [names[id(weight)] for weights in found.values() for weight in weights]
    assert len(listed) == len(set(listed))
    own = backbone.anatomy.classifier
    assert set(listed) == {name for name in names.values() if not name.startswith(f"{own}.")}
    assert {names[id(weight)].split(".")[0] for weight in found["penultimate"]} == {"conv_head", "bn2"}
    blocks = {".".join(names[id(weight)].split(".")[:3]) for weight in found["blocks.4.2"]}
    assert blocks == {f"blocks.{stage}.{block}" for stage in (3, 4) for block in range(3)}


def test_stages_without_weights_are_left_out() -> None:
    backbone = load_backbone("timm/test_vit", "none")
    assert all(weights_by_stage(backbone).values())


def test_every_stage_but_the_last_is_a_place_to_cut(backbone: Backbone) -> None:
    assert backbone.stage_names == ("blocks.0", "blocks.1", "blocks.2", "blocks.3", "penultimate")
    assert every_cut(backbone) == ("blocks.3", "blocks.2", "blocks.1", "blocks.0")
    assert cut_before(backbone, "blocks.2") == ("blocks.1",)
    assert cut_before(backbone, "blocks.0") == ()
    assert cut_before(backbone, "penultimate") == ("blocks.3",)


def test_places_that_cannot_be_cut_are_passed_over(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Boundary.__init__

    def refuse(self: Boundary, backbone: Backbone, stage: str) -> None:
        if stage in {"blocks.3", "blocks.1"}:
            raise PlanError("no")
        whole(self, backbone, stage)

    monkeypatch.setattr(Boundary, "__init__", refuse)
    assert every_cut(backbone) == ("blocks.2", "blocks.0")
    assert cut_before(backbone, "penultimate") == ("blocks.2",)
    assert cut_before(backbone, "blocks.1") == ("blocks.0",)


def test_random_weights_are_not_cut(backbone: Backbone) -> None:
    backbone.weights = "none"
    assert every_cut(backbone) == stages_behind(backbone, "early") == ()
