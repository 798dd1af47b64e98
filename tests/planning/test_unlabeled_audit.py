"""The audit of pseudo-labels uses rows that the folds held out, and fits nothing that costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.steps import Steps
from headstart.core.types import UNLABELED
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.evaluation.pseudo_label_audit import pseudo_label_audit
from headstart.methods.model import Model
from headstart.planning import cross_validation, unlabeled_audit
from headstart.planning.cross_validation import cross_validate
from headstart.planning.fitting import backbone_of, candidate_of, fit_plan, out_of_fold
from headstart.planning.plan import Partner, Plan
from headstart.planning.unlabeled_audit import audited
from headstart.training.settings import Training


@pytest.fixture
def task(pictures: Task) -> Task:
    """The pictures with a pool that is mostly blue."""
    draw = np.random.default_rng(6)
    colors = np.array([0] * 7 + [1] * 5 + [2] * 59)
    pixels = draw.integers(0, 150, (71, 8, 8, 3)).astype(np.uint8)
    pixels[np.arange(71), :, :, colors] += 90
    hidden, rows = np.full(71, UNLABELED, np.int64), np.arange(43, 114)
    return replace(pictures, unlabeled=ImageSet(ArrayImages(pixels, "squares", rows), pictures.classes, hidden, rows))


@pytest.fixture
def ridge() -> Plan:
    settings = {"kind": "ridge", "blocks": "penultimate"}
    return Plan(data="squares", pretrained="pixels", weights="none", input_pixels=8, method=settings)


@pytest.fixture
def tuned() -> Plan:
    training = Training(epochs=1, batch_size=16, ema=0.5)
    return Plan(
        data="squares", pretrained="small_cnn", weights="none", input_pixels=8, method={"kind": "fine_tune"}, training=training
    )


@pytest.fixture
def steps(tmp_path) -> Steps:
    return Steps(tmp_path / "steps")


def fitted(task: Task, plan: Plan, steps: Steps) -> Model:
    fit_plan(task, plan, steps.folder.parent / "model", steps, steps.folder.parent / "work")
    return Model.load(steps.folder.parent / "model")


def test_a_closed_form_is_audited_on_every_labeled_row(task: Task, ridge: Plan, steps: Steps) -> None:
    model = fitted(task, ridge, steps)
    audit = audited(task, ridge, model, steps)
    held, pool = out_of_fold(task, ridge, steps), model.predict(task.unlabeled)
    assert audit == pseudo_label_audit(pool.probs, held.probs, held.labels, task.classes, task.seed)
    assert (audit.num_held_out, audit.num_pool) == (43, 71)
    assert audit.p_value < 0.01
    assert '"blue" makes up 30% of the labeled images' in audit.sentence


def test_an_ensemble_is_audited_with_the_shares_of_its_plan(task: Task, ridge: Plan, steps: Steps) -> None:
    partner = Partner(
        pretrained="pixels", weights="none", input_pixels=8, method={"kind": "kernel_ridge", "blocks": "penultimate"}
    )
    plan = ridge.model_copy(update={"partners": (partner,), "shares": (0.2, 0.1)})
    model = fitted(task, plan, steps)
    held, pool = out_of_fold(task, plan, steps), model.predict(task.unlabeled)
    expected = pseudo_label_audit(pool.probs, held.probs, held.labels, task.classes, task.seed)
    assert audited(task, plan, model, steps) == expected


@pytest.mark.slow
def test_of_a_gradient_method_only_finished_folds_count(task: Task, tuned: Plan, steps: Steps, monkeypatch) -> None:
    model = fitted(task, tuned, steps)
    assert audited(task, tuned, model, steps) is None
    cross_validate(task, candidate_of(tuned), backbone_of(tuned), task.folds[:2], steps)
    monkeypatch.setattr(cross_validation, "fit_rows", lambda *rest: pytest.fail("nothing may be fitted"))
    audit = audited(task, tuned, model, steps)
    assert audit is not None
    assert audit.num_held_out == sum(len(fold.held_out) for fold in task.folds[:2])


def test_of_many_unlabeled_rows_some_from_everywhere_are_predicted(task: Task, ridge: Plan, steps: Steps, monkeypatch) -> None:
    monkeypatch.setattr(unlabeled_audit, "MOST_UNLABELED", 8)
    model = fitted(task, ridge, steps)
    held, pool = out_of_fold(task, ridge, steps), model.predict(task.unlabeled.take([0, 10, 20, 30, 40, 50, 60, 70]))
    audit = audited(task, ridge, model, steps)
    assert audit == pseudo_label_audit(pool.probs, held.probs, held.labels, task.classes, task.seed)


def test_without_unlabeled_or_held_out_rows_there_is_no_audit(task: Task, ridge: Plan, steps: Steps) -> None:
    model = fitted(task, ridge, steps)
    assert audited(replace(task, unlabeled=None), ridge, model, steps) is None
    assert audited(replace(task, unlabeled=task.unlabeled.take([])), ridge, model, steps) is None
    single = replace(task, train=task.train.take([0, 17, 30]))
    assert single.folds == ()
    assert audited(single, ridge, model, steps) is None
