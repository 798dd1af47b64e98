"""Every method: fits a tiny real task, beats chance, is deterministic, survives a file, and touches only what it may."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, method_from
from headstart.methods.base import Method, settings_of
from headstart.methods.model import Model
from headstart.planning.plan import Plan
from headstart.training.settings import Training

MARGIN = 0.2
"""Above chance (a third), with 41 training pictures."""
TRAINING = Training(epochs=4, batch_size=13, ema=0.5, seed=3)

NAMES = """
ada_bn ada_match adapted_self_training auxiliary_balanced_classifier baseline_plus_plus bbse bi_tuning bit_fit bss byol
class_transport co_tuning coral dan debias_match delta dino distillation
domain_coral domain_mean domain_standardization ensemble_distillation erm erm_average fine_tune fix_match flex_match
free_match gradual_unfreezing group_dro invariant_transport jan jdot joint_ridge kernel_ridge knn l2_sp label_mean
label_propagation label_spreading laplacian_shot layerwise_decay lda linear_monge logistic lora
lp_ft lwf mcc mean_teacher meta_baseline mix_match mix_style mlls model_soup nearest_mean norm_only
optimal_transport partial pi_model proto_net pseudo_label pseudo_target r2_d2 re_mix_match residual ridge
self_training self_tuning share_matching shared_mixture shot shot_im sim_clr sim_mim soft_match
source_only stoch_norm subspace_alignment surgical tim uda vic_reg whitened_mean wise_ft
"""

each_method = pytest.mark.parametrize("kind", METHODS.names())
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def untouched() -> Backbone:
    return load_backbone("small_cnn", "none", 8, seed=2)


@cache
def weights() -> dict[str, torch.Tensor]:
    """Those of a small network that was trained on other digits, so that few steps suffice afterwards."""
    rows = np.flatnonzero(np.isin(load_digits().target, (2, 3, 4, 5)))[:240]
    labels = np.unique(load_digits().target[rows], return_inverse=True)[1].astype(np.int64)
    pixels = (load_digits().images[rows][..., None] * (255 / 16)).astype(np.uint8)
    train = ImageSet(ArrayImages(pixels, "other", rows), ("two", "three", "four", "five"), labels, rows)
    task = Task("other", train.classes, train, place="other", native_pixels=8, channels=1)
    recipe = Training(epochs=12, batch_size=40, lr=3e-3, seed=2)
    return method_from({"kind": "fine_tune"}).fit(task, untouched(), recipe).backbone.state_dict()


@cache
def backbone() -> Backbone:
    """A small network that counts as pretrained, with a classifier of its own."""
    small = untouched()
    small.load_state_dict(weights())
    small.weights = "pretrained"
    small.source_classes = True
    small.weights_hash = small._hash()
    return small


FITTED: dict[tuple[str, int], Model] = {}


def fitted(kind: str, task: Task, attempt: int = 0) -> Model:
    if (kind, attempt) not in FITTED:
        FITTED[kind, attempt] = method_from({"kind": kind}).fit(task, backbone(), TRAINING)
    return FITTED[kind, attempt]


def weights_of(model: Model) -> dict[str, np.ndarray]:
    head = {f"head.{name}": np.asarray(array) for name, array in model.head.arrays().items()}
    return head | {name: tensor.numpy() for name, tensor in model.backbone.state_dict().items()}


def assert_same_weights(first: Model, second: Model) -> None:
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
    assert first.temperature == second.temperature


@each_method
def test_a_method_beats_chance_by_probabilities_that_sum_to_one(kind, tiny_task):
    evaluation, predictions = evaluate(fitted(kind, tiny_task), tiny_task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + MARGIN
    assert predictions.probs.shape == (len(tiny_task.test), 3)
    assert np.isfinite(predictions.probs).all()
    assert (predictions.probs >= 0).all()
    np.testing.assert_allclose(predictions.probs.sum(axis=1), 1, rtol=1e-9)
    assert predictions.classes == tiny_task.classes


@each_method
def test_the_same_seed_gives_the_same_weights_whatever_hidden_labels_and_the_global_random_stream_are(kind, tiny_task):
    test = tiny_task.test
    lied = replace(tiny_task, test=replace(test, hidden_labels=(test.hidden_labels + 1) % 3))
    first = fitted(kind, tiny_task)
    torch.manual_seed(12345)
    expected = torch.rand(3)
    torch.manual_seed(12345)
    assert_same_weights(first, fitted(kind, lied, attempt=1))
    assert torch.equal(torch.rand(3), expected)  # the fit has not disturbed it


@each_method
def test_saving_and_loading_keeps_predictions(kind, tiny_task, tmp_path):
    model = fitted(kind, tiny_task)
    model.save(tmp_path)
    expected, got = model.predict(tiny_task.test), Model.load(tmp_path).predict(tiny_task.test)
    np.testing.assert_allclose(got.probs, expected.probs, rtol=1e-5, atol=1e-7)
    assert got.classes == expected.classes


@each_method
def test_the_given_backbone_stays_and_a_gradient_method_alone_trains_its_copy(kind, tiny_task):
    given, model, fresh = backbone(), fitted(kind, tiny_task), weights()
    assert fresh.keys() == given.state_dict().keys()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in given.state_dict().items())
    assert not given.training
    state = given.state_dict()
    moved = any(not torch.equal(tensor, state[name]) for name, tensor in model.backbone.named_parameters() if name in state)
    assert moved == (METHODS.get(kind).cost == "gradient")
    changed = any(not torch.equal(tensor, state[name]) for name, tensor in model.backbone.state_dict().items() if name in state)
    assert (model.backbone.weights_hash != given.weights_hash) == changed


@each_method
def test_a_method_says_what_it_is_and_its_settings_make_it_again_by_way_of_a_plan_too(kind):
    made: type[Method] = METHODS.get(kind)
    assert made.__doc__
    assert 0 < len(made.summary) < 100
    assert made.cost in {"closed form", "gradient"}
    assert made.reads_training() == (made.cost == "gradient")
    settings = settings_of(made())
    assert method_from(settings) == made()
    assert settings["kind"] == kind == made.kind()
    plan = Plan(data="digits", pretrained="net", input_pixels=32, method=settings)
    assert Plan.from_toml(plan.to_toml()) == plan


def test_fine_tuning_learns_from_scratch_too(tiny_task):
    small = load_backbone("small_cnn", "none", 8, seed=3)
    training = Training(epochs=40, batch_size=13, lr=3e-3, ema=0.5, seed=3)
    evaluation, _ = evaluate(method_from({"kind": "fine_tune"}).fit(tiny_task, small, training), tiny_task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + MARGIN


def test_no_method_is_lost():
    assert set(METHODS.names()) >= set(NAMES.split())


@each_method
def test_a_setting_beyond_its_bounds_is_refused_by_name(kind):
    for name, field in METHODS.get(kind).model_json_schema().get("properties", {}).items():
        beyond = [field[key] + sign for key, sign in (("minimum", -1), ("maximum", 1)) if key in field]
        beyond += [field[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in field]
        beyond += ["none of them"] * ("enum" in field)
        for value in beyond:
            with pytest.raises(PlanError, match=rf"method\.{name}"):
                method_from({"kind": kind, name: value})
