"""What several closed forms predict for unlabeled rows, learned by one head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rows_made import features_made, labels_of
from scipy.special import softmax

from headstart.backbones.loading import load_backbone
from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import log_probs
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.heads.taught_ridge import fit_taught_ridge
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.methods.semi import ensemble_distillation
from headstart.methods.semi.ensemble_distillation import Teacher, _network
from headstart.training.settings import Training

RIDGE = {"kind": "ridge", "blocks": "penultimate"}
KERNEL = {"kind": "kernel_ridge", "blocks": "penultimate"}


def teacher(method: dict, share: float = 1.0) -> dict:
    return {"pretrained": "embeddings", "weights": "none", "input_pixels": 1, "method": method, "share": share}


def task_made() -> Task:
    """Four labels a class, half of the others unlabeled and half a sealed test."""
    features, truth = features_made()
    rows = np.arange(len(truth))
    names = ("a", "b", "c", "never")
    every = ImageSet(Embeddings(features.penultimate, "made", rows), names, truth, rows)
    chosen = np.flatnonzero(labels_of(truth, 4) >= 0)
    others = np.setdiff1d(rows, chosen)
    free, held = every.take(others[::2]), every.take(others[1::2])
    hidden = replace(free, hidden_labels=np.full(len(free), -1, np.int64))
    return Task("made", names, every.take(chosen), test=replace(held, sealed=True), unlabeled=hidden)


def fitted(task: Task, **settings):
    return method_from({"kind": "ensemble_distillation", **settings}).fit(
        task, load_backbone("embeddings", "none", 1), Training()
    )


def test_the_targets_are_labels_and_the_weighted_geometric_mean_of_the_teachers(monkeypatch):
    task, met = task_made(), []
    real = fit_taught_ridge
    monkeypatch.setattr(ensemble_distillation, "fit_taught_ridge", lambda *given: met.append(given) or real(*given))
    fitted(task, teachers=[teacher(RIDGE, 0.7), teacher(KERNEL, 0.4)])
    logs = [
        log_probs(method_from(one).fit(task, load_backbone("embeddings", "none", 1), Training()).predict(task.unlabeled))
        for one in (RIDGE, KERNEL)
    ]
    ((rows, targets, taught),) = met
    np.testing.assert_allclose(targets[12:], softmax(0.7 * logs[0] + 0.4 * logs[1], axis=1), atol=1e-9)
    np.testing.assert_array_equal(targets[:12], np.eye(4)[task.train.labels])
    np.testing.assert_array_equal(taught, np.arange(12, len(rows)))


def test_a_teacher_may_see_pictures_by_other_statistics_of_the_channels_than_its_card_says():
    own = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    seen = [_network(Teacher(pretrained="pixels", weights="none", input_pixels=8, method=RIDGE, **one), 0) for one in (own, {})]
    assert [(one.transform.mean, one.transform.std) for one in seen] == [(own["mean"], own["std"]), (None, None)]


def test_without_teachers_its_own_ridge_teaches():
    task = task_made()
    own = {"blocks": "penultimate"}
    one = fitted(task, **own).predict(task.unlabeled).probs
    np.testing.assert_allclose(one, fitted(task, **own, teachers=[teacher(RIDGE)]).predict(task.unlabeled).probs, atol=1e-6)


def test_new_rows_get_their_class():
    evaluation, _ = evaluate(fitted(task_made(), teachers=[teacher(RIDGE), teacher(KERNEL)]), task_made().test)
    assert evaluation.accuracy.value > 0.8


def test_of_many_unlabeled_rows_some_teach(monkeypatch):
    task, met = task_made(), []
    real = fit_taught_ridge
    monkeypatch.setattr(ensemble_distillation, "fit_taught_ridge", lambda *given: met.append(len(given[2])) or real(*given))
    monkeypatch.setattr(ensemble_distillation, "MOST_TAUGHT", 7)
    fitted(task)
    assert met == [7]


def test_a_plan_keeps_its_teachers():
    method = method_from({"kind": "ensemble_distillation", "teachers": [teacher(KERNEL, 0.3)]})
    assert method_from(settings_of(method)) == method


def test_what_is_trained_by_gradient_does_not_teach():
    with pytest.raises(PlanError) as caught:
        fitted(task_made(), teachers=[teacher({"kind": "lp_ft"})])
    assert str(caught.value) == "method.teachers: lp_ft is trained by gradient, and teachers are closed forms. Choose ridge."


def test_without_unlabeled_images_it_says_what_to_do():
    with pytest.raises(DataError) as caught:
        fitted(replace(task_made(), unlabeled=None))
    assert str(caught.value) == (
        "ensemble_distillation needs unlabeled images, and made has none. Add a folder unlabeled/, or choose ridge or lp_ft."
    )
