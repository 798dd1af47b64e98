"""Probabilities that are too bold or too timid."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.planning.improving.rules.miscalibrated import miscalibrated

BOLD = {"counts": (200, 200, 200), "held_wrong": (60, 60, 60), "confidence": 0.98, "wanted": 3.3}


def test_confidence_above_accuracy_asks_for_the_temperature_of_held_out_rows(make_evidence):
    (said,) = miscalibrated(make_evidence(**BOLD))
    assert said.plan.temperature == 3.3
    assert said.aim == "log loss"
    assert said.reason == (
        "held-out images are predicted with a mean confidence of 98.0% and an accuracy of 70.0%: set temperature to 3.30."
    )


def test_a_temperature_set_already_is_what_is_used(make_evidence):
    evidence = make_evidence(**BOLD, plan={"temperature": 3.3})
    odds = np.exp(np.log(98) / 3.3)
    assert evidence.deployed.probs.max(axis=1) == pytest.approx(odds / (odds + 2))
    assert not list(miscalibrated(evidence))


def test_a_small_error_and_few_rows_are_left_alone(make_evidence):
    assert not list(miscalibrated(make_evidence(**{**BOLD, "held_wrong": (6, 6, 6)})))
    assert not list(miscalibrated(make_evidence(**{**BOLD, "counts": (3, 3, 3), "held_wrong": (1, 0, 0)})))


@pytest.mark.parametrize("known", [{"wanted": None}, {"held_wrong": None}], ids=["a closed form", "folds broke down"])
def test_without_held_out_scores_no_temperature_is_known(make_evidence, known):
    assert not list(miscalibrated(make_evidence(**{**BOLD, **known})))
