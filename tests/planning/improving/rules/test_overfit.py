"""Fitted rows right, held-out ones wrong."""

from __future__ import annotations

import pytest

from headstart.planning.improving.rules.overfit import overfit
from headstart.training.settings import Training


def test_pictures_are_varied_then_blended_then_less_is_trained(make_evidence):
    varied, blended, head = overfit(make_evidence(held_wrong=(5, 5, 5), plan={"method": {"kind": "lp_ft", "view": "plain"}}))
    assert varied.plan.method == {"kind": "lp_ft", "view": "weak"}
    assert varied.plan.training == Training()
    assert blended.plan.training == Training(mix="mixup")
    assert head.plan.method["kind"] == "ridge"
    assert varied.reason == "0.0% of fitted images are wrong, and 25.0% of held-out ones: vary the pictures."


def test_what_is_done_already_is_not_proposed(make_evidence):
    plan = {"training": Training(mix="cutmix"), "weights": "none", "pretrained": "small_cnn"}
    assert not list(overfit(make_evidence(held_wrong=(5, 5, 5), plan=plan)))


@pytest.mark.parametrize(
    ("held_wrong", "fitted_wrong", "kind"),
    [((1, 2, 2), (0, 0, 0), "lp_ft"), ((9, 9, 9), (1, 1, 0), "lp_ft"), ((9, 9, 9), (0, 0, 0), "ridge")],
    ids=["held-out rows are right too", "fitted rows are wrong too", "a closed form"],
)
def test_a_plan_that_does_not_overfit_is_left_alone(make_evidence, held_wrong, fitted_wrong, kind):
    evidence = make_evidence(held_wrong=held_wrong, fitted_wrong=fitted_wrong, plan={"method": {"kind": kind, "view": "plain"}})
    assert not list(overfit(evidence))
