"""Batches and running averages that disagree."""

from __future__ import annotations

import numpy as np
import pytest
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.features.representation import Representation
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.planning.improving.rules.batch_norm_mismatch import batch_norm_mismatch
from headstart.training.settings import Training

SMALL = Training(batch_size=2, epochs=5)
SCRATCH = {"pretrained": "small_cnn", "weights": "none", "input_pixels": 8, "training": SMALL}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("small_cnn", "none", 8)


def moved(backbone: Backbone, factor: float) -> Backbone:
    """A copy that remembers variances so many times those of the original."""
    copy = backbone.copy()
    for part in copy.module.modules():
        if isinstance(part, _BatchNorm):
            part.running_mean.add_(0.01)
            part.running_var.mul_(factor)
    return copy.refreshed()


def model_on(backbone: Backbone, scale: float = 1.0, representation: Representation | None = None) -> Model:
    weight = scale * np.random.default_rng(2).normal(size=(backbone.feature_width, 3))
    return Model(backbone, LinearHead(representation, weight, np.zeros(3)), 1.0, ("cat", "dog", "fox"))


def test_from_scratch_larger_batches_are_proposed(make_evidence, backbone):
    evidence = make_evidence(plan=SCRATCH, backbone=backbone, model=model_on(moved(backbone, 1e-3)))
    (said,) = batch_norm_mismatch(evidence)
    assert said.plan.training == Training(batch_size=32)
    assert said.plan.method == evidence.plan.method
    assert said.reason.startswith("with the statistics of batches of 2 fitted images have a log loss of ")
    assert said.reason.endswith(": raise training.batch_size to 32.")


@pytest.mark.slow
def test_statistics_that_came_with_weights_are_kept_as_well(make_evidence):
    backbone = load_backbone("efficientnet_lite0", input_pixels=32)
    method = {"kind": "fine_tune", "view": "weak", "flip": True}
    plan = {"method": method, "training": SMALL}
    evidence = make_evidence(counts=(5, 4, 3), plan=plan, backbone=backbone, model=model_on(moved(backbone, 0.1), 3.0))
    (said,) = batch_norm_mismatch(evidence)
    assert said.plan.method == {"kind": "lp_ft", "depth": "all", "view": "weak", "flip": True}
    assert said.plan.training == Training(batch_size=32, epochs=12)


def test_more_epochs_than_usual_stay(make_evidence, backbone):
    plan = {**SCRATCH, "training": Training(batch_size=2, epochs=40)}
    (said,) = batch_norm_mismatch(make_evidence(plan=plan, backbone=backbone, fitted_wrong=None))
    assert said.plan.training.epochs == 40


def test_nothing_is_wrong_where_both_give_the_same_loss(make_evidence, backbone):
    evidence = make_evidence(plan=SCRATCH, backbone=backbone, model=model_on(moved(backbone, 1e-3), scale=0.0))
    assert not list(batch_norm_mismatch(evidence))


@pytest.mark.parametrize("batch_size", [16, 64])
def test_usual_batches_are_not_suspected(make_evidence, backbone, batch_size):
    plan = {**SCRATCH, "training": Training(batch_size=batch_size)}
    assert not list(batch_norm_mismatch(make_evidence(plan=plan, backbone=backbone, model=model_on(moved(backbone, 1e-3)))))


def test_statistics_that_the_fit_left_alone_are_not_suspected(make_evidence, backbone):
    assert not list(batch_norm_mismatch(make_evidence(plan=SCRATCH, backbone=backbone, model=model_on(backbone.copy(), 50.0))))


def test_a_head_on_other_features_is_left_alone(make_evidence, backbone):
    representation = Representation("penultimate", (np.zeros(backbone.feature_width),))
    other = model_on(moved(backbone, 1e-3), representation=representation)
    assert not list(batch_norm_mismatch(make_evidence(plan=SCRATCH, backbone=backbone, model=other)))


def test_training_that_broke_down_on_small_batches_is_given_larger_ones(make_evidence, backbone):
    (said,) = batch_norm_mismatch(make_evidence(plan=SCRATCH, backbone=backbone, fitted_wrong=None))
    assert said.reason == "training broke down with batches of 2: raise training.batch_size to 32."
    assert said.plan.training.batch_size == 32


def test_without_batch_normalization_and_for_a_closed_form_batches_are_not_to_blame(make_evidence, backbone):
    pixels = load_backbone("pixels", "none", 8)
    assert not list(batch_norm_mismatch(make_evidence(plan=SCRATCH, backbone=pixels, fitted_wrong=None)))
    plan = {**SCRATCH, "method": {"kind": "ridge"}}
    assert not list(batch_norm_mismatch(make_evidence(plan=plan, backbone=backbone, fitted_wrong=None)))
