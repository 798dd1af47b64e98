"""What every way to learn without labels has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, method_from
from headstart.methods.base import GradientMethod
from headstart.methods.pretrain.distillation import Distillation
from headstart.training import loop
from headstart.training.settings import Training

KINDS = ("byol", "dino", "distillation", "sim_clr", "sim_mim", "vic_reg")
Methods = Callable[[str], GradientMethod]
SHORT = Training(epochs=2, batch_size=7, seed=3)

each_kind = pytest.mark.parametrize("kind", KINDS)
each_of_views = pytest.mark.parametrize("kind", ["byol", "dino", "sim_clr", "vic_reg"])


@pytest.fixture(scope="module")
def method_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], GradientMethod]:
    """A method by its kind; a teacher is another small network."""
    folder = tmp_path_factory.mktemp("teacher")
    load_backbone("small_cnn", "none", 16, seed=9).refreshed().save(folder)
    return lambda kind: method_from({"kind": kind, **({"teacher": f"run:{folder}"} if kind == "distillation" else {})})


def test_these_are_all_that_need_no_labels() -> None:
    assert tuple(kind for kind in METHODS.names() if METHODS.get(kind).label_free) == KINDS


@pytest.mark.slow
@each_of_views
def test_what_views_teach_is_worth_more_than_random_weights(
    kind: str, method_of: Methods, task: Task, backbone: Backbone
) -> None:
    model = method_of(kind).fit(task, backbone, Training(epochs=10, batch_size=64, lr=2e-3, ema=0.9))
    probe = method_from({"kind": "ridge", "blocks": "penultimate"})

    def accuracy(of: Backbone) -> float:
        return evaluate(probe.fit(task, of, SHORT), task.test)[0].accuracy.value

    assert accuracy(model.backbone) > accuracy(backbone) + 0.03
    assert evaluate(model, task.test)[0].accuracy.value > 0.6


@pytest.mark.slow
@each_kind
def test_labels_are_not_read_and_unlabeled_pictures_are_learned_from(
    kind: str, method_of: Methods, task: Task, backbone: Backbone
) -> None:
    some = replace(task, unlabeled=task.unlabeled.take(np.arange(11)))
    lied = replace(some, train=replace(task.train, hidden_labels=(task.train.labels + 1) % 10))
    fewer = replace(some, unlabeled=task.unlabeled.take(np.arange(10)))
    training = SHORT.model_copy(update={"epochs": 1, "batch_size": 32})
    hashes = [method_of(kind).fit(one, backbone, training).backbone.weights_hash for one in (some, lied, fewer)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


@pytest.mark.slow
@each_kind
def test_without_classes_the_model_is_a_backbone_that_predicts_nothing(
    kind: str, method_of: Methods, few: Task, backbone: Backbone
) -> None:
    model = method_of(kind).fit(few, backbone, SHORT)
    assert model.classes == ()
    assert (backbone.weights, model.backbone.weights) == ("none", "pretrained")
    assert model.backbone.weights_hash != backbone.weights_hash
    assert set(model.backbone.state_dict()) == set(backbone.state_dict())
    with pytest.raises(DataError) as caught:
        model.predict(few.train)
    assert str(caught.value) == (
        "This model was pretrained without classes and predicts none. Transfer from it with --pretrained run:FOLDER."
    )


@pytest.mark.slow
@each_kind
def test_a_killed_training_ends_as_one_that_was_not(
    kind: str, method_of: Methods, few: Task, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = SHORT.model_copy(update={"checkpoint_seconds": 1e-9})
    monkeypatch.setattr(loop, "CHECKPOINT_PAUSE", 0.0)
    whole = method_of(kind).fit(few, backbone, training)
    steps = loop.Fit.step

    def killed(self: loop.Fit, trained: object, step: int) -> dict[str, float]:
        if step == 4:
            raise KeyboardInterrupt
        return steps(self, trained, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Fit, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            method_of(kind).fit(few, backbone, training, tmp_path)
    seen: list[int] = []
    monkeypatch.setattr(loop.Fit, "step", lambda self, trained, step: seen.append(step) or steps(self, trained, step))
    assert method_of(kind).fit(few, backbone, training, tmp_path).backbone.weights_hash == whole.backbone.weights_hash
    assert seen == [4, 5, 6]


@pytest.mark.slow
@each_kind
def test_statistics_are_learned_from_random_weights_and_kept_with_given_ones(
    kind: str, method_of: Methods, few: Task, backbone: Backbone
) -> None:
    name = "blocks.0.norm.running_mean"
    before = backbone.module.state_dict()[name].clone()
    assert not torch.equal(method_of(kind).fit(few, backbone, SHORT).backbone.module.state_dict()[name], before)
    backbone.weights = "pretrained"
    assert torch.equal(method_of(kind).fit(few, backbone, SHORT).backbone.module.state_dict()[name], before)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sim_mim"])
def test_a_batch_of_one_is_refused(kind: str, method_of: Methods, few: Task, backbone: Backbone) -> None:
    with pytest.raises(PlanError) as caught:
        method_of(kind).fit(few, backbone, Training(batch_size=1))
    assert str(caught.value) == (
        f"{kind} compares the pictures of a batch, and training.batch_size = 1 holds one. "
        "Set it to 2 or more; 256 suits most networks."
    )


@each_kind
def test_pictures_are_mirrored_only_when_asked(kind: str, method_of: Methods, task: Task) -> None:
    (stream,) = method_of(kind).streams(task).values()
    assert len(stream.images) == 437
    assert not any(view.flip for view in (stream.view, *stream.also))
    (stream,) = method_of(kind).model_copy(update={"flip": True}).streams(task).values()
    assert all(view.flip for view in (stream.view, *stream.also))


@each_of_views
def test_two_views_are_cropped_and_changed_in_color(kind: str, method_of: Methods, task: Task) -> None:
    (stream,) = method_of(kind).model_copy(update={"crop": 0.4}).streams(task).values()
    assert [str(view) for view in (stream.view, *stream.also)] == ["strong(crop=0.4, shift=0, flip=false, 1 colors)"] * 2


def test_distillation_shows_the_view_that_is_asked(task: Task) -> None:
    (stream,) = Distillation(view="plain").streams(task).values()
    assert stream.view.is_plain
    assert stream.also == ()
