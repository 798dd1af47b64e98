"""Every method: fits a tiny real task, beats chance, is deterministic, survives a file, and touches only what it may."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, method_from
from headstart.methods.base import Method, settings_of
from headstart.methods.model import Model
from headstart.planning.plan import Plan
from headstart.training.settings import Training

MARGIN = 0.2
"""Above chance (a third), with 41 training pictures."""
TRAINING = Training(epochs=8, batch_size=13, ema=0.5, seed=3)

each_method = pytest.mark.parametrize("kind", METHODS.names())
pytestmark = pytest.mark.timeout(300)


def made(kind: str) -> Backbone:
    """A pretrained network; for the many methods that train across domains, a small one that counts as such."""
    if not trains_across_domains(kind):
        return load_backbone("efficientnet_lite0", input_pixels=32)
    small = load_backbone("small_cnn", "none", 16, seed=1)
    small.weights = "pretrained"
    return small


def trains_across_domains(kind: str) -> bool:
    method = METHODS.get(kind)
    return method.cost == "gradient" and "source" in method.needs


backbone = cache(made)


FITTED: dict[tuple[str, int], Model] = {}


def fitted(kind: str, task: Task, attempt: int = 0) -> Model:
    if (kind, attempt) not in FITTED:
        training = TRAINING.model_copy(update={"epochs": 3}) if trains_across_domains(kind) else TRAINING
        FITTED[kind, attempt] = method_from({"kind": kind}).fit(task, backbone(kind), training)
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
def test_a_method_beats_chance(kind, tiny_task):
    evaluation, _ = evaluate(fitted(kind, tiny_task), tiny_task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + MARGIN


@each_method
def test_a_method_s_probabilities_are_probabilities(kind, tiny_task):
    predictions = fitted(kind, tiny_task).predict(tiny_task.test)
    assert predictions.probs.shape == (len(tiny_task.test), 3)
    assert np.isfinite(predictions.probs).all()
    assert (predictions.probs >= 0).all()
    np.testing.assert_allclose(predictions.probs.sum(axis=1), 1, rtol=1e-9)
    assert predictions.classes == tiny_task.classes


@each_method
def test_the_same_seed_gives_the_same_weights_and_hidden_labels_do_not_matter(kind, tiny_task):
    test = tiny_task.test
    lied = replace(tiny_task, test=replace(test, hidden_labels=(test.hidden_labels + 1) % 3))
    first = fitted(kind, tiny_task)
    torch.manual_seed(12345)
    assert_same_weights(first, fitted(kind, lied, attempt=1))


@each_method
def test_saving_and_loading_keeps_predictions(kind, tiny_task, tmp_path):
    model = fitted(kind, tiny_task)
    model.save(tmp_path)
    expected, got = model.predict(tiny_task.test), Model.load(tmp_path).predict(tiny_task.test)
    np.testing.assert_allclose(got.probs, expected.probs, rtol=1e-5, atol=1e-7)
    assert got.classes == expected.classes


@each_method
def test_the_source_backbone_is_left_as_it_was(kind, tiny_task):
    before = made(kind)
    fitted(kind, tiny_task)
    after = backbone(kind)
    assert before.state_dict().keys() == after.state_dict().keys()
    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in before.state_dict().items())
    assert not after.training
    assert after.weights_hash == before.weights_hash


@each_method
def test_a_closed_form_freezes_the_backbone_and_a_gradient_method_trains_it(kind, tiny_task):
    model = fitted(kind, tiny_task)
    before = dict(backbone(kind).named_parameters())
    moved = any(not torch.equal(tensor, before[name]) for name, tensor in model.backbone.named_parameters() if name in before)
    assert moved == (METHODS.get(kind).cost == "gradient")
    state = backbone(kind).state_dict()
    changed = any(not torch.equal(tensor, state[name]) for name, tensor in model.backbone.state_dict().items() if name in state)
    assert (model.backbone.weights_hash != backbone(kind).weights_hash) == changed


@each_method
def test_a_method_does_not_disturb_the_global_random_stream(kind, tiny_task):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    method_from({"kind": kind}).fit(tiny_task, backbone(kind), TRAINING.model_copy(update={"epochs": 1}))
    assert torch.equal(torch.rand(3), expected)


@each_method
def test_a_method_s_settings_make_it_again(kind):
    method = METHODS.get(kind)()
    assert method_from(settings_of(method)) == method
    assert settings_of(method)["kind"] == kind == METHODS.get(kind).kind()


@each_method
def test_a_plan_of_the_method_survives_its_file(kind):
    plan = Plan(data="digits", pretrained="net", input_pixels=32, method=settings_of(METHODS.get(kind)()))
    assert Plan.from_toml(plan.to_toml()) == plan


@each_method
def test_a_method_says_what_it_is(kind):
    method: type[Method] = METHODS.get(kind)
    assert method.summary
    assert method.__doc__
    assert len(method.summary) < 100
    assert method.cost in {"closed form", "gradient"}


def test_fine_tuning_learns_from_scratch_too(tiny_task):
    small = load_backbone("small_cnn", "none", seed=3)
    training = Training(epochs=40, batch_size=13, lr=3e-3, ema=0.5, seed=3)
    evaluation, _ = evaluate(method_from({"kind": "fine_tune"}).fit(tiny_task, small, training), tiny_task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + MARGIN
