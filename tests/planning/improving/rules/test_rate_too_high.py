"""Steps that were too large."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.planning.improving.rules.rate_too_high import rate_too_high
from headstart.training.settings import Training


def test_a_loss_far_above_chance_asks_for_a_tenth(make_evidence, make_curve):
    (said,) = rate_too_high(make_evidence(plan={"training": Training(lr=5e-3)}, training_curve=make_curve(1.1, 1.7, 0.4, 0.2)))
    assert said.plan.training.lr == pytest.approx(5e-4)
    assert said.reason == (
        "the training loss rose to 1.70, and the class shares alone give 1.10: lower training.lr from 0.005 to 0.0005."
    )


@pytest.mark.parametrize(("optimizer", "usual"), [("adamw", 1e-3), ("sgd", 1e-2)])
def test_a_rate_far_too_high_becomes_the_usual_one_at_once(make_evidence, make_curve, optimizer, usual):
    training = Training(lr=1.0, optimizer=optimizer)
    (said,) = rate_too_high(make_evidence(plan={"training": training}, training_curve=make_curve(1.1, 9.0, 2.0)))
    assert said.plan.training.lr == usual


def test_attempts_that_broke_down_speak_for_themselves(make_evidence, make_curve):
    (said,) = rate_too_high(make_evidence(training_curve=make_curve(1.1, 0.5, 0.1, attempts=2)))
    assert said.reason.startswith("training broke down 2 times before it held: ")


def test_a_loss_that_never_left_chance_blames_a_high_rate_alone(make_evidence, make_curve):
    curve = make_curve(1.1, 1.2, 1.1, 1.07)
    (said,) = rate_too_high(make_evidence(plan={"training": Training(lr=2e-3)}, training_curve=curve))
    assert said.reason.startswith("the training loss ended at chance (1.07): ")
    assert not list(rate_too_high(make_evidence(plan={"training": Training(lr=1e-3)}, training_curve=curve)))


def test_a_calm_course_and_none_are_left_alone(make_evidence, make_curve):
    assert not list(
        rate_too_high(make_evidence(plan={"training": Training(lr=0.5)}, training_curve=make_curve(1.1, 1.6, 0.9, 0.2)))
    )
    assert not list(rate_too_high(make_evidence(plan={"training": Training(lr=0.5)})))


def test_a_head_that_knows_no_shares_of_skewed_classes_did_not_burst(make_evidence, make_curve):
    plan = {"training": Training(lr=1e-3)}
    skewed = [replace(make_curve(*losses), chance=0.4) for losses in ((1.12, 1.2, 0.2), (2.0, 2.1, 0.2), (1.12, 1.72, 0.2))]
    assert [len(list(rate_too_high(make_evidence(plan=plan, training_curve=curve)))) for curve in skewed] == [0, 0, 1]


@pytest.mark.parametrize("broken", [{"held_wrong": None}, {"fitted_wrong": None}])
def test_a_fit_or_a_fold_that_broke_down_needs_no_history(make_evidence, broken):
    (said,) = rate_too_high(make_evidence(plan={"training": Training(lr=0.1)}, **broken))
    assert said.reason == "training broke down: lower training.lr from 0.1 to 0.001."
    assert not list(rate_too_high(make_evidence(plan={"method": {"kind": "ridge"}}, **broken)))
