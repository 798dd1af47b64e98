"""How the training loss went, on a scale from chance to a perfect answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import entropy

from headstart.planning.improving.training_curve import TrainingCurve, training_curve_of
from headstart.training.settings import Training

LABELS = np.array([0, 0, 0, 1, 1, 2])


def line(step: int, loss: float, attempt: int = 0, name: str = "cross_entropy") -> str:
    return json.dumps({"step": step, "attempt": attempt, "lr": 0.1, "seconds": 1.0, "losses": {name: loss}}) + "\n"


def write(folder, *lines: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "history.jsonl").write_text("".join(lines))


@pytest.fixture
def curve() -> TrainingCurve:
    return TrainingCurve(np.array([2.0, 1.6, 1.2, 0.8, 0.4]), steps=50, attempts=0, chance=2.0, floor=0.0)


def test_learned_is_the_mean_of_a_stretch_between_chance_and_perfect(curve):
    assert curve.learned(0.0, 0.2) == pytest.approx(0.0)
    assert curve.learned(0.4, 0.8) == pytest.approx(0.5)
    assert curve.learned(0.0, 1.0) == pytest.approx(0.4)
    assert curve.at_end == pytest.approx(0.8)


def test_a_stretch_shorter_than_a_line_is_that_line(curve):
    assert curve.learned(0.5, 0.5) == pytest.approx(0.4)
    assert curve.learned(1.0, 1.0) == pytest.approx(0.8)


def test_worse_than_chance_is_below_zero():
    assert TrainingCurve(np.array([3.0]), 1, 0, chance=2.0, floor=0.5).at_end == pytest.approx(-2 / 3)


def test_chance_is_the_entropy_of_the_labels_and_the_floor_that_of_a_smoothed_one(tmp_path):
    write(tmp_path, line(1, 1.0), line(2, 0.5))
    made = training_curve_of(tmp_path, Training(label_smoothing=0.0), LABELS, 3)
    assert made.chance == pytest.approx(entropy([1 / 2, 1 / 3, 1 / 6]))
    assert made.floor == 0.0
    smoothed = training_curve_of(tmp_path, Training(label_smoothing=0.3), LABELS, 3)
    assert smoothed.floor == pytest.approx(entropy([0.8, 0.1, 0.1]))
    assert smoothed.chance == pytest.approx(entropy(0.7 * np.array([1 / 2, 1 / 3, 1 / 6]) + 0.1))


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_where_classes_are_balanced_chance_is_that_of_equal_shares(tmp_path, balance):
    write(tmp_path, line(1, 1.0))
    made = training_curve_of(tmp_path, Training(label_smoothing=0.0, balance=balance), LABELS, 3)
    assert made.chance == pytest.approx(np.log(3))


def test_the_last_attempt_alone_counts(tmp_path):
    write(tmp_path, line(1, 9.0), line(1, 2.0, 1), line(1, 1.0, 2), line(2, 0.7, 2))
    made = training_curve_of(tmp_path, Training(), LABELS, 3)
    assert made.attempts == 2
    assert made.losses.tolist() == [1.0, 0.7]


def test_of_several_results_the_longest_is_taken(tmp_path):
    write(tmp_path / "a", line(1, 1.0), line(2, 0.9))
    write(tmp_path / "b" / "c", line(1, 0.5), line(2, 0.4), line(3, 0.3))
    write(tmp_path / "d")
    assert training_curve_of(tmp_path, Training(), LABELS, 3).losses.tolist() == [0.5, 0.4, 0.3]


def test_there_is_no_course_without_a_cross_entropy_or_with_one_class(tmp_path):
    assert training_curve_of(tmp_path / "nowhere", Training(), LABELS, 3) is None
    write(tmp_path, line(1, 1.0, name="nt_xent"))
    assert training_curve_of(tmp_path, Training(), LABELS, 3) is None
    write(tmp_path, line(1, 1.0))
    assert training_curve_of(tmp_path, Training(label_smoothing=0.0), np.zeros(5, np.int64), 1) is None
