from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gradient_contract import assert_cut_at_its_depth, assert_equal, assert_resumes, assert_starts_as_ridge, kinds_of, weights_of
from two_domains import picture_task

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, base, method_from
from headstart.methods.base import GradientMethod
from headstart.training import unlabeled_streams
from headstart.training.settings import Training

KINDS = [kind for kind in kinds_of("adapt") if issubclass(METHODS.get(kind), GradientMethod)]
TRAINING = Training(epochs=1, batch_size=23, views=2, checkpoint_seconds=1e-9)
"""A few steps on 107 source rows."""
WITH_MEMORY = ["shot"]
"""Remembers something between steps."""


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabeled_streams, "LEAST_STEPS", 4)


each_method = pytest.mark.parametrize("kind", KINDS)


@each_method
def test_without_a_source_or_unlabeled_pictures_it_is_refused_before_any_work(kind: str, pretrained: Backbone) -> None:
    method, task = method_from({"kind": kind}), picture_task(labeled=9)
    with pytest.raises(DataError) as caught:
        method.fit(replace(task, source=None), pretrained, TRAINING)
    assert str(caught.value) == (
        f"{kind} needs labeled images of a source domain, and made has none. Name one with --source, or choose ridge."
    )
    with pytest.raises(DataError, match=f"{kind} needs unlabeled images, and made has none"):
        method.fit(replace(task, unlabeled=None), pretrained, TRAINING)


@pytest.mark.slow
@each_method
def test_with_source_labels_alone_it_is_right_on_the_target(kind: str, pretrained: Backbone) -> None:
    task = picture_task()
    assert len(task.train) == 0
    model = method_from({"kind": kind}).fit(task, pretrained, TRAINING.model_copy(update={"epochs": 3, "batch_size": 11}))
    evaluation, _ = evaluate(model, task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + 0.3


@pytest.mark.slow
@each_method
def test_target_pictures_change_the_weights_and_their_true_labels_do_not(kind: str, pretrained: Backbone) -> None:
    task = picture_task()
    assert task.unlabeled is not None
    told = replace(task, unlabeled=replace(task.unlabeled, hidden_labels=np.arange(len(task.unlabeled)) % 3))
    fewer = replace(task, unlabeled=task.unlabeled.take(np.arange(11)))
    method = method_from({"kind": kind})
    model, of_told, of_fewer = (method.fit(one, pretrained, TRAINING) for one in (task, told, fewer))
    assert_equal(model, of_told)
    first, second = weights_of(model), weights_of(of_fewer)
    assert any(not torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "shot"])
def test_target_pictures_that_weigh_nothing_change_nothing(kind: str, pretrained: Backbone) -> None:
    task = picture_task()
    assert task.unlabeled is not None
    fewer = replace(task, unlabeled=task.unlabeled.take(np.arange(11)))
    method = method_from({"kind": kind, "weight": 0, "diversity": 0})
    assert_equal(*(method.fit(one, pretrained, TRAINING) for one in (task, fewer)))


def test_nothing_is_held_out_of_the_source_to_choose_by(pretrained: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(base, "held_out", asked)
    method_from({"kind": "jan"}).fit(picture_task(), pretrained, TRAINING)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mcc", "jan", "shot"])
def test_it_trains_from_random_weights_too(kind: str) -> None:
    task = picture_task()
    scratch = load_backbone("small_cnn", "none", 16, seed=2)
    training = Training(epochs=6, batch_size=16, lr=3e-3, ema=0.5)
    evaluation, _ = evaluate(method_from({"kind": kind}).fit(task, scratch, training), task.test)
    assert evaluation.metrics["balanced_accuracy"].value > 1 / 3 + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jan", "shot"])
def test_its_price_is_known_from_source_rows(kind: str, pretrained: Backbone) -> None:
    assert method_from({"kind": kind}).predicted_seconds(picture_task(), pretrained, TRAINING) > 0


@pytest.mark.slow
@each_method
def test_it_starts_as_ridge_on_both_domains_labels_and_is_cut_at_its_depth(kind: str, pretrained: Backbone) -> None:
    method: Any = method_from({"kind": kind})
    task = method._joined(picture_task(labeled=5))
    assert len(task.train) == 107 + 5
    assert_starts_as_ridge(method, task, pretrained, TRAINING)
    assert_cut_at_its_depth(method, task, pretrained, TRAINING)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WITH_MEMORY)
def test_a_killed_fit_goes_on_to_the_same_weights_with_what_it_remembers(
    kind: str, pretrained: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method: Any = method_from({"kind": kind})
    assert_resumes(method, picture_task(), pretrained, TRAINING, tmp_path, monkeypatch, (2, 4))
