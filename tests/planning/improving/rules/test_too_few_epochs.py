"""Training that ended too early."""

from __future__ import annotations

import pytest

from headstart.planning.improving.rules.too_few_epochs import too_few_epochs
from headstart.training.settings import Training


@pytest.mark.parametrize(("epochs", "longer"), [(1, 12), (3, 12), (9_000, 10_000)])
def test_few_epochs_become_four_times_as_many_and_twelve_at_least(make_evidence, make_curve, epochs, longer):
    curve = make_curve(1.1, 1.0, 0.9, 0.8, 0.5, 0.4, 0.2, 0.1)
    (said,) = too_few_epochs(make_evidence(plan={"training": Training(epochs=epochs)}, training_curve=curve))
    assert said.plan.training.epochs == longer


def test_steps_that_time_took_away_come_before_more_epochs(make_evidence, make_curve):
    curve = make_curve(1.1, 1.0, 0.9, 0.8, 0.5, 0.4, 0.2, 0.1)
    (said,) = too_few_epochs(make_evidence(plan={"training": Training(epochs=3, stop_after=1_234)}, training_curve=curve))
    assert said.plan.training == Training(epochs=3)
    assert said.reason == "training ended after 1,234 steps, before its schedule did: let it go on to the end of 3 epochs."


def test_a_loss_that_still_falls_asks_for_more(make_evidence, make_curve):
    curve = make_curve(1.1, 1.0, 0.9, 0.8, 0.6, 0.6, 0.5, 0.5)
    (said,) = too_few_epochs(make_evidence(plan={"training": Training(epochs=7)}, training_curve=curve))
    assert said.reason == "the training loss was still falling after 7 epochs: raise training.epochs from 7 to 28."


def test_few_steps_ask_for_more_however_many_epochs_they_are(make_evidence, make_curve):
    (said,) = too_few_epochs(make_evidence(training_curve=make_curve(1.1, 0.6, 0.5, 0.5, steps=59)))
    assert said.reason == "training was 12 epochs or 59 steps long: raise training.epochs from 12 to 48."


@pytest.mark.parametrize("plan", [{"training": Training(epochs=10_000)}, {"method": {"kind": "ridge"}}])
def test_what_cannot_be_longer_is_left_alone(make_evidence, make_curve, plan):
    assert not list(too_few_epochs(make_evidence(plan=plan, training_curve=make_curve(1.1, 0.9, 0.6, 0.3))))


def test_a_loss_that_lies_still_is_left_alone(make_evidence, make_curve):
    assert not list(too_few_epochs(make_evidence(training_curve=make_curve(1.1, 0.9, 0.5, 0.5, 0.48, 0.48, 0.47, 0.47))))


def test_what_was_learned_in_two_epochs_needs_no_third(make_evidence, make_curve):
    curve = make_curve(1.1, 0.3, 0.03, 0.01)
    assert not list(too_few_epochs(make_evidence(plan={"training": Training(epochs=2)}, training_curve=curve)))


def test_without_a_history_the_number_of_epochs_alone_speaks(make_evidence):
    (said,) = too_few_epochs(make_evidence(plan={"training": Training(epochs=2)}))
    assert said.reason == "training was 2 epochs long: raise training.epochs from 2 to 12."
    (said,) = too_few_epochs(make_evidence(plan={"training": Training(epochs=1)}))
    assert said.reason == "training was 1 epoch long: raise training.epochs from 1 to 12."
    assert not list(too_few_epochs(make_evidence()))
