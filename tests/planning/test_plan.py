"""A plan in its file, and the range of pictures that it may set."""

from __future__ import annotations

import numpy as np
import pytest
import tomli_w
import torch

from headstart.core.errors import PlanError
from headstart.core.steps import Steps
from headstart.features.extract import features_of
from headstart.methods.model import Model
from headstart.planning.fitting import backbone_of, costs_little, fit_plan
from headstart.planning.plan import Partner, Plan
from headstart.training.settings import Training

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)


def plan_of(**other) -> Plan:
    method = {"kind": "ridge", "blocks": "penultimate"}
    return Plan(data="squares", pretrained="small_cnn", weights="none", input_pixels=8, method=method, **other)


def test_a_plan_reads_back_from_its_file_with_and_without_a_range():
    for plan in (plan_of(), plan_of(mean=MEAN, std=STD), plan_of(std=STD)):
        assert Plan.from_toml(plan.to_toml()) == plan
    assert "mean" not in plan_of().to_toml()


def test_a_file_leaves_out_defaults_and_what_no_member_reads():
    ridge = plan_of(training=Training(epochs=3), verdict="scratch")
    assert ridge.to_toml() == (
        'data = "squares"\npretrained = "small_cnn"\nweights = "none"\ninput_pixels = 8\nverdict = "scratch"\n\n'
        '[method]\nkind = "ridge"\nblocks = "penultimate"\n'
    )
    assert "[training]\nseed = 7\n" in plan_of(training=Training(epochs=3, seed=7)).to_toml()
    trained = plan_of(training=Training(epochs=3), partners=(Partner(pretrained="a", input_pixels=8, method={"kind": "lp_ft"}),))
    assert "[training]\nepochs = 3\n" in trained.to_toml()
    assert Plan.from_toml(trained.to_toml()) == trained


def test_a_file_with_every_field_is_read_as_well():
    plan = plan_of(training=Training(lr=0.5), seed=3)
    assert Plan.from_toml(tomli_w.dumps(plan.model_dump(mode="json", exclude_none=True))) == plan


def test_a_plan_of_a_removed_method_says_whether_it_was_trained():
    tuned, weighted = (plan_of().model_copy(update={"method": {"kind": kind}}) for kind in ("adda", "kmm"))
    assert (tuned.is_trained, tuned.reads_training, costs_little(tuned)) == (True, True, False)
    assert (weighted.is_trained, weighted.reads_training, costs_little(weighted)) == (False, False, True)


FOLD_MODELS = Partner(pretrained="a", input_pixels=8, method={"kind": "lp_ft"}, fold_models=5)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "was fitted to all labels"),
        ({"max_rows": 4000}, "was fitted to 4,000 labels"),
        ({"hold_out": True, "fold_models": 1}, "was fitted to the other labels alone"),
        (
            {"partners": (FOLD_MODELS,)},
            "was fitted to all labels, but for what is trained in it, which is the mean of models without one fold each",
        ),
    ],
)
def test_a_plan_says_what_its_model_was_fitted_to(fields, text):
    assert plan_of(**fields).fitted_to == text


@pytest.mark.parametrize("std", [(0.5, 0.0, 0.5), (0.5, -1.0, 0.5), (0.5, 0.5)])
def test_a_deviation_that_cannot_be_divided_by_is_refused(std):
    with pytest.raises(PlanError, match="std"):
        Plan.from_dict({**plan_of().to_dict(), "std": std}, "plan.toml")


def test_the_range_of_the_plan_is_what_the_network_sees():
    images = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8))
    seen = backbone_of(plan_of(mean=MEAN, std=STD)).normalized(images)
    expected = (images.numpy() / 255 - np.reshape(MEAN, (1, 3, 1, 1))) / np.reshape(STD, (1, 3, 1, 1))
    np.testing.assert_allclose(seen.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_one_of_the_two_alone_keeps_the_other_of_the_card():
    card = backbone_of(plan_of()).card
    backbone = backbone_of(plan_of(std=STD))
    assert torch.equal(backbone.normalized(torch.zeros(1, 3, 4, 4))[0, :, 0, 0], -torch.tensor(card.mean) / torch.tensor(STD))


def test_another_range_is_another_network_for_whatever_is_kept_by_its_hash(pictures):
    plain, shifted = backbone_of(plan_of()), backbone_of(plan_of(mean=MEAN, std=STD))
    assert plain.weights_hash != shifted.weights_hash
    assert backbone_of(plan_of(mean=plain.card.mean, std=plain.card.std)).weights_hash == plain.weights_hash
    first, second = (features_of(pictures.train, backbone).penultimate for backbone in (plain, shifted))
    assert not np.allclose(first, second)


def test_a_saved_model_goes_on_seeing_pictures_in_the_range_of_its_plan(pictures, tmp_path):
    plan = plan_of(mean=MEAN, std=STD)
    fit_plan(pictures, plan, tmp_path / "model", Steps(tmp_path / "steps"), tmp_path / "work")
    model = Model.load(tmp_path / "model")
    assert (model.backbone.transform.mean, model.backbone.transform.std) == (MEAN, STD)
    assert torch.equal(
        model.backbone.network.normalized(torch.ones(1, 3, 2, 2)), backbone_of(plan).normalized(torch.ones(1, 3, 2, 2))
    )
