from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.predictions import Predictions
from headstart.core.steps import Steps
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated, combined
from headstart.planning.deciding import chosen as module
from headstart.planning.deciding.chosen import evaluate_chosen, evaluation_of_chosen, pool_on
from headstart.planning.plan import Plan

LABELS = np.arange(67) % 3


def validated(name: str, skill: float, rows: range = range(67)) -> CrossValidated:
    """A candidate on a network of that name, which predicted those rows out of fold."""
    rng = np.random.default_rng(len(name))
    scores = rng.normal(size=(67, 3)) + skill * np.eye(3)[LABELS]
    index = np.array(rows)
    probs = softmax(scores, axis=1)[index]
    names = tuple(f"row {row}" for row in rows)
    method = {"kind": "ridge", "blocks": "stages+pixels"}
    candidate = Candidate(family="transfer", pretrained=name, input_pixels=8, method=method)
    predictions = Predictions(names, ("a", "b", "c"), LABELS[index], probs, probs, index)
    return CrossValidated(candidate, candidate.result(num_rows=len(index)), predictions)


def plan_of(one: CrossValidated) -> Plan:
    return Plan(data="here", **{**one.candidate.recipe, **one.calibration})


@pytest.fixture
def task() -> Task:
    images = ArrayImages(np.zeros((67, 8, 8, 3), np.uint8), "rows", np.arange(67))
    return Task("rows", ("a", "b", "c"), ImageSet(images, ("a", "b", "c"), LABELS, np.arange(67)))


def test_the_evaluation_of_a_chosen_plan_is_found_again_with_its_predictions(task, tmp_path):
    candidates = [validated("one", 1.0), validated("seven", 1.1), validated("eleven", 0.2)]
    chosen = candidates[1]
    evaluate_chosen(task, candidates, chosen, plan_of(chosen), Steps(tmp_path))
    explained = plan_of(chosen).model_copy(update={"reasons": ("Why.",), "sources": ("there",)})
    evaluation, predictions = evaluation_of_chosen(task, explained, Steps(tmp_path))
    np.testing.assert_array_equal(predictions.probs, chosen.predictions.probs)
    assert (evaluation.split, evaluation.num_images) == ("out of fold", 67)
    assert "BBC-CV" in evaluation.protocol
    assert evaluation_of_chosen(task, plan_of(candidates[0]), Steps(tmp_path)) is None


def test_an_ensemble_is_chosen_again_as_an_ensemble(task, tmp_path):
    candidates = [validated("one", 1.0), validated("seven", 1.1)]
    both = combined(candidates)
    evaluate_chosen(task, [*candidates, both], both, plan_of(both), Steps(tmp_path))
    evaluation, _ = evaluation_of_chosen(task, plan_of(both), Steps(tmp_path))
    assert abs(evaluation.accuracy.value - both.predictions.correct.mean()) < 0.05


def test_a_later_choice_of_the_same_plan_among_more_is_judged_anew(task, tmp_path):
    chosen = validated("seven", 1.1)
    evaluate_chosen(task, [chosen], chosen, plan_of(chosen), Steps(tmp_path))
    alone, _ = evaluation_of_chosen(task, plan_of(chosen), Steps(tmp_path))
    evaluate_chosen(task, [validated("one", 1.0), chosen], chosen, plan_of(chosen), Steps(tmp_path))
    among, _ = evaluation_of_chosen(task, plan_of(chosen), Steps(tmp_path))
    assert "BBC-CV" not in alone.protocol
    assert "BBC-CV" in among.protocol


def test_the_same_choice_is_judged_once(task, tmp_path, monkeypatch):
    among = [validated("one", 1.0), validated("seven", 1.1)]
    evaluate_chosen(task, among, among[1], plan_of(among[1]), Steps(tmp_path))
    monkeypatch.setattr(module, "evaluation_out_of_fold", None)
    evaluate_chosen(task, among, among[1], plan_of(among[1]), Steps(tmp_path))


def test_where_a_test_judges_nothing_is_kept(task, tmp_path):
    chosen = validated("one", 1.0)
    tested = replace(task, test=replace(task.train, sealed=True))
    evaluate_chosen(tested, [chosen], chosen, plan_of(chosen), Steps(tmp_path))
    assert not list(tmp_path.iterdir())


def test_candidates_are_compared_on_the_rows_that_the_chosen_one_predicted():
    first, part = validated("one", 1.0), validated("seven", 1.0, range(5, 30))
    pool = pool_on([first, part], part.predictions)
    assert [one.candidate.pretrained for one in pool.candidates] == ["one", "seven"]
    np.testing.assert_allclose(np.exp(pool.logs[0]), first.predictions.probs[5:30])
    assert pool_on([first, part], first.predictions) is None
