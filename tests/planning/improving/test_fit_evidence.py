"""What a fit shows of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions
from headstart.core.steps import Steps
from headstart.planning.cross_validation import CrossValidated, cross_validate, fit_rows
from headstart.planning.fitting import candidate_of, fitted_rows
from headstart.planning.improving.fit_evidence import MOST_FITTED, FitEvidence, gathered
from headstart.planning.plan import Plan
from headstart.training.settings import Training

PLAN = Plan(
    data="squares", pretrained="pixels", weights="none", input_pixels=8, method={"kind": "ridge", "blocks": "penultimate"}
)


@pytest.fixture
def evidence(pictures, tmp_path) -> FitEvidence:
    backbone = load_backbone("pixels", "none", 8)
    validated = cross_validate(pictures, candidate_of(PLAN), backbone, pictures.folds, Steps(tmp_path / "steps"))
    model = fit_rows(pictures, np.arange(43), validated.candidate, backbone, None)
    return gathered(pictures, PLAN, backbone, validated, model, tmp_path, left_seconds=5.0)


def test_it_holds_the_errors_on_rows_that_were_fitted_and_on_those_that_were_not(evidence):
    labels = evidence.task.labeled.labels
    assert evidence.held_out_error == pytest.approx((evidence.held_out.predicted != evidence.held_out.labels).mean())
    own = evidence.model.predict(evidence.task.labeled)
    assert evidence.fitted_error == pytest.approx((own.predicted != labels).mean())
    assert evidence.left_seconds == 5.0
    assert evidence.training_curve is None
    assert not evidence.gradient


def test_recalls_are_counted_by_class(evidence):
    held = evidence.held_out
    expected = [float((held.predicted[held.labels == label] == label).mean()) for label in range(3)]
    assert evidence.recalls == pytest.approx(expected)


def test_a_class_without_held_out_rows_has_no_recall(evidence):
    held = evidence.held_out.take(evidence.held_out.labels != 1)
    recalls = replace(evidence, cross_validated=replace(evidence.cross_validated, predictions=held)).recalls
    assert np.isnan(recalls).tolist() == [False, True, False]


def test_where_a_fit_broke_down_everything_counts_as_wrong(evidence):
    broken = replace(
        evidence,
        cross_validated=CrossValidated(evidence.cross_validated.candidate, evidence.cross_validated.result),
        model=None,
        fitted=None,
    )
    assert (broken.held_out_error, broken.fitted_error) == (1.0, 1.0)
    assert np.isnan(broken.recalls).all()
    assert broken.deployed is None


@pytest.mark.parametrize("temperature", [None, 0.5, 2.0])
def test_deployed_probabilities_are_at_the_temperature_of_the_plan(evidence, temperature):
    raw = softmax(np.random.default_rng(1).normal(size=(5, 3)), axis=1)
    rows = np.arange(5)
    held = Predictions(tuple("abcde"), evidence.task.classes, rows % 3, np.full((5, 3), 1 / 3), raw, rows)
    validated = CrossValidated(evidence.cross_validated.candidate, evidence.cross_validated.result, held, temperature=1.7)
    seen = replace(evidence, cross_validated=validated, plan=PLAN.model_copy(update={"temperature": temperature}))
    powers = raw ** (1 / (temperature or 1.0))
    np.testing.assert_allclose(seen.deployed.probs, powers / powers.sum(axis=1, keepdims=True), rtol=1e-9)


def test_a_changed_plan_loses_the_temperature_that_was_fitted_to_another(evidence):
    calibrated = replace(evidence, plan=PLAN.model_copy(update={"temperature": 1.4}))
    assert calibrated.changed(input_pixels=16).temperature is None
    assert calibrated.changed(input_pixels=16).input_pixels == 16
    assert calibrated.trained(lr=0.5).training.lr == 0.5


def test_a_training_that_time_ended_is_changed_to_one_that_takes_all_its_steps(evidence):
    ended = replace(evidence, plan=PLAN.model_copy(update={"training": Training(epochs=5, stop_after=11)}))
    assert ended.trained(epochs=20).training == Training(epochs=20)


def test_what_time_ended_alone_learns_from_all_rows_once_it_takes_all_its_steps(evidence, pictures):
    training = Training(epochs=5, stop_after=11)
    ended = replace(evidence, plan=PLAN.model_copy(update={"training": training, "hold_out": True}))
    assert not ended.trained().hold_out
    assert ended.changed(input_pixels=16).hold_out
    one_fold = replace(ended, task=SimpleNamespace(folds=pictures.folds[:1], validation=None))
    assert one_fold.trained().hold_out  # with many rows a second fit costs more than it brings


def test_a_plan_with_another_method_forgets_the_models_that_it_had(evidence):
    tuned = PLAN.model_copy(update={"method": {"kind": "lp_ft"}, "hold_out": True, "fold_models": 3})
    seen = replace(evidence, plan=tuned)
    head, other = (seen.changed(method={"kind": kind}) for kind in ("ridge", "fine_tune"))
    assert [(one.hold_out, one.fold_models) for one in (head, other)] == [(False, None), (True, None)]
    same = seen.changed(method={"kind": "lp_ft", "depth": "early"})
    assert (same.hold_out, same.fold_models) == (True, 3)


def test_a_plan_that_holds_rows_out_was_fitted_on_the_others(pictures):
    held = replace(pictures, train=pictures.train.take(range(30)), validation=pictures.train.take(range(30, 43)))
    assert fitted_rows(held, PLAN.model_copy(update={"hold_out": True})).tolist() == list(range(30))
    assert len(fitted_rows(held, PLAN)) == 43
    assert len(fitted_rows(held, PLAN.model_copy(update={"max_rows": 11}))) == 11


def test_of_many_fitted_rows_some_are_used(vectors, tmp_path):
    task = vectors(2.0, 1500)
    plan = PLAN.model_copy(update={"pretrained": "embeddings", "input_pixels": 1})
    backbone = load_backbone("embeddings", "none", 1)
    candidate = candidate_of(plan)
    model = fit_rows(task, np.arange(1500), candidate, backbone, None)
    seen = gathered(task, plan, backbone, CrossValidated(candidate, candidate.result()), model, tmp_path)
    assert len(seen.fitted) == MOST_FITTED
    assert len(set(seen.fitted.names)) == MOST_FITTED


def test_the_course_is_read_from_the_fit_s_folder(evidence, tmp_path):
    line = {"step": 3, "attempt": 0, "lr": 0.1, "seconds": 1.0, "losses": {"cross_entropy": 0.4}}
    (tmp_path / "history.jsonl").write_text(json.dumps(line) + "\n")
    seen = gathered(evidence.task, PLAN, evidence.backbone, evidence.cross_validated, None, tmp_path)
    assert (seen.training_curve.steps, seen.fitted, seen.model) == (3, None, None)
