"""What is said of what was tried on a run."""

from __future__ import annotations

import pytest

from headstart.core.estimate import Estimate
from headstart.planning.improving.adjustment import Adjustment, Change, Trial, changes_between, measured, named
from headstart.planning.plan import Plan
from headstart.planning.results import Comparison
from headstart.training.settings import Training

PLAN = Plan(data="pets", pretrained="net", input_pixels=64, method={"kind": "lp_ft", "depth": "late"}, verdict="transfer")
GAIN = Comparison(
    better="a", worse="b", accuracy_gain=Estimate(value=0.021, low=0.003, high=0.04),
    log_loss_gain=Estimate(value=0.3, low=0.1, high=0.5), p_value=0.1, significant=True, num_rows=1234,
)  # fmt: skip


def trial(outcome: str, field: str = "training.lr", comparison: Comparison | None = None) -> Trial:
    changes = (Change(field=field, before=1e-2, after=1e-3),)
    return Trial(rule="r", reason="why", changes=changes, outcome=outcome, sentence="", comparison=comparison)


def adjustment(*trials: Trial, earlier: int = 0) -> Adjustment:
    return Adjustment(parent="runs/a", minutes=None, earlier=earlier, plan=PLAN, trials=trials, advice=())


def test_changes_are_named_as_set_takes_them_and_explanations_are_none():
    after = PLAN.model_copy(
        update={"method": {"kind": "lp_ft", "view": "weak"}, "training": Training(lr=0.5), "reasons": ("new",), "verdict": ""}
    )
    changes = changes_between(PLAN, after)
    assert sorted(map(str, changes)) == [
        "method.depth late -> none", "method.view none -> weak", "training.lr 0.001 -> 0.5",
    ]  # fmt: skip
    assert changes_between(PLAN, PLAN) == ()


def test_several_changes_stand_in_one_line():
    assert named((Change(field="a", before=1, after=2), Change(field="b.c", before=None, after=0.25))) == (
        "a 1 -> 2, b.c none -> 0.25"
    )


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        ((), "The plan stands: no rule found anything to change."),
        (("too costly",), "The plan stands: what could be changed takes longer than the budget; give --minutes more."),
        (("no better", "failed", "too costly"), "The plan stands: no changed plan was better beyond noise (2 tried)."),
        (("no better", "kept", "kept"), "The plan was changed: training.lr 0.01 -> 0.001; training.lr 0.01 -> 0.001."),
    ],
)
def test_the_outcome_is_one_sentence(trials, sentence):
    assert adjustment(*map(trial, trials)).sentence == sentence


def test_changes_cross_validated_so_far_include_those_before_the_run():
    assert adjustment(trial("kept", comparison=GAIN), trial("failed"), trial("too costly"), earlier=4).num_tested == 5


def test_a_comparison_is_told_with_its_intervals():
    assert measured(GAIN) == (
        "+2.1 points [+0.3, +4.0] of accuracy, log loss lower by +0.300 [+0.100, +0.500] on 1,234 held-out images"
    )


def test_an_adjustment_reads_back():
    made = adjustment(trial("kept", comparison=GAIN))
    assert Adjustment.from_json(made.to_json(), "x") == made
