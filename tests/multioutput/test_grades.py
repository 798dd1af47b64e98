"""Ordered classes are learned as numbers, and judged as the grades that these round to."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import headstart
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.predictions import OutputPredictions


def predictions(targets: np.ndarray, values: np.ndarray) -> OutputPredictions:
    rows = len(targets)
    return OutputPredictions(
        tuple(map(str, range(rows))), ("target",), targets[:, None], values[:, None], np.arange(rows), np.full((rows, 1), np.nan)
    )


def test_kappa_is_that_of_scikit_learn_for_every_draw():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 83).astype(float)
    values = true + rng.normal(size=83)
    weights = rng.multinomial(83, np.full(83, 1 / 83), size=7).astype(float)
    found = metrics_for("numbers")["quadratic_kappa"].values(predictions(true, values), weights)
    said = np.rint(values)
    wanted = [
        cohen_kappa_score(np.repeat(true, draw.astype(int)), np.repeat(said, draw.astype(int)), weights="quadratic")
        for draw in weights
    ]
    np.testing.assert_allclose(found, wanted)


def test_grades_that_are_right_are_those_that_numbers_round_to():
    given = predictions(np.array([0.0, 1, 2, 4]), np.array([-0.4, 1.6, 2.4, 4.1]))
    assert metrics_for("numbers")["grade_accuracy"].estimate(given).value == pytest.approx(0.75)


@pytest.mark.parametrize("true", [np.array([0.0, 1.5, 2, 3]), np.arange(30.0)], ids=["fractions", "many"])
def test_amounts_have_no_grades(true):
    given, metrics = predictions(true, true), metrics_for("numbers")
    assert metrics["quadratic_kappa"].estimate(given) is None
    assert metrics["grade_accuracy"].estimate(given) is None


def test_where_all_are_of_one_grade_kappa_is_not_defined():
    assert metrics_for("numbers")["quadratic_kappa"].estimate(predictions(np.ones(9), np.ones(9))) is None


def test_a_run_on_grades_tells_kappa_with_its_interval(tmp_path):
    rng = np.random.default_rng(4)
    features = rng.normal(size=(120, 7)).astype(np.float32)
    grade = np.clip(np.rint(2 + 4 * features[:, 0] / np.linalg.norm(features, axis=1) + rng.normal(size=120) / 4), 0, 4)
    np.savez(tmp_path / "d.npz", features=features, grade=grade.astype(int))
    evaluation = headstart.run(tmp_path / "d.npz", numbers="grade", out=tmp_path / "run").evaluation
    kappa = evaluation.metrics["quadratic_kappa"]
    assert 0.6 < kappa.low < kappa.value < kappa.high <= 1
    assert list(evaluation.metrics)[:3] == ["r2", "quadratic_kappa", "grade_accuracy"]
    assert evaluation.without_images["grade_accuracy"].value < evaluation.metrics["grade_accuracy"].low
