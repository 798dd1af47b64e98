"""Fitted rows wrong nearly as often as held-out ones."""

from __future__ import annotations

import pytest

from headstart.planning.improving.rules.underfit import underfit
from headstart.training.settings import Training


def test_everything_that_holds_training_back_is_loosened(make_evidence):
    training = Training(label_smoothing=0.3, mix="mixup", sharpness=0.05, weight_decay=0.2)
    (said,) = underfit(make_evidence(held_wrong=(6, 6, 6), fitted_wrong=(5, 5, 5), plan={"training": training}))
    assert said.plan.method["view"] == "plain"
    assert said.plan.training == Training(label_smoothing=0.0, mix="none", sharpness=0.0, weight_decay=0.02)
    assert said.reason == "25.0% of fitted images are wrong, and 30.0% of held-out ones: hold training back less."


def test_nothing_is_proposed_where_nothing_holds_it_back(make_evidence):
    for stop_after in (0, 7):  # a training that time ended is held back by that alone
        training = Training(label_smoothing=0.0, weight_decay=0.0, stop_after=stop_after)
        free = {"method": {"kind": "fine_tune", "view": "plain"}, "training": training}
        assert not list(underfit(make_evidence(held_wrong=(6, 6, 6), fitted_wrong=(5, 5, 5), plan=free)))


@pytest.mark.parametrize(
    ("held_wrong", "fitted_wrong", "kind"),
    [((6, 6, 6), (4, 4, 4), "lp_ft"), ((1, 1, 0), (1, 1, 0), "lp_ft"), ((6, 6, 6), (6, 6, 6), "ridge"), (None, None, "lp_ft")],
    ids=["held-out rows are worse", "both are right", "a closed form", "broke down"],
)
def test_a_plan_that_does_not_underfit_is_left_alone(make_evidence, held_wrong, fitted_wrong, kind):
    assert not list(underfit(make_evidence(held_wrong=held_wrong, fitted_wrong=fitted_wrong, plan={"method": {"kind": kind}})))
