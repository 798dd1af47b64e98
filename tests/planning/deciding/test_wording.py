"""The sentence, the reasons and the rejections say what was measured, each tested whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core.estimate import Estimate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.wording import (
    in_points,
    log_loss_decides,
    reasons_for,
    rejected_from,
    sentence_for,
    untried_side,
    what_was_compared,
)
from headstart.planning.label_budget import LearningCurve
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.results import Comparison


def estimate(value: float, spread: float) -> Estimate:
    return Estimate(value=value, low=value - spread, high=value + spread)


GAIN = estimate(0.051, 0.02)


def compared(better: CrossValidated, worse: CrossValidated, significant: bool = True, num_rows: int = 1203) -> Comparison:
    return Comparison(
        better=better.result.name,
        worse=worse.result.name,
        accuracy_gain=GAIN,
        log_loss_gain=estimate(0.2, 0.05),
        p_value=0.00123,
        significant=significant,
        num_rows=num_rows,
    )


@pytest.fixture
def ranking():
    def candidate(name, rank, baseline=False):
        values = {"pretrained": name, "weights": "pretrained", "scores": {}, "first_probability": 0.0, "seconds": 1.0}
        return RankedCandidate(name=name, baseline=baseline, rank=rank, estimate=estimate(0.625, 0.1), **values)

    return Ranking(
        candidates=(candidate("net", 1.0), candidate("far", 2.5), candidate("pixels", 4.0, True)),
        chosen=("net",),
        distinguishable=True,
        sentence="net ranks first.",
        num_images=300,
    )


@pytest.fixture
def net(make_validated, make_candidate):
    return make_validated(make_candidate(), 0.9, 0.3)


@pytest.fixture
def pixels(make_validated, make_candidate):
    return make_validated(make_candidate("baseline", "pixels"), 0.85, 0.52)


def test_points_carry_their_sign():
    assert in_points(GAIN) == "+5.1 points [+3.1, +7.1]"
    assert in_points(estimate(-0.004, 0.01)) == "-0.4 points [-1.4, +0.6]"


PAIR = (
    "ridge on stages of net at 96 pixels (90.0%) against ridge on raw pixels (85.0%), the best without transferred knowledge: "
    "+5.1 points [+3.1, +7.1] on 1,203 shared held-out images"
)


NO_SCRATCH = "there are no pictures to train a network on from scratch"
SO_FAR = PAIR.replace("the best without", "the best of what was tried without")


@pytest.mark.parametrize(
    ("verdict", "untried", "sentence"),
    [
        ("transfer", "", f"Transfer: {PAIR}."),
        ("not judged", NO_SCRATCH, f"Not judged, as {NO_SCRATCH}: {SO_FAR}. The second is fitted."),
        ("scratch", "", f"Train without transfer: {PAIR}."),
        ("no difference", "", f"No difference that these labels can show: {PAIR}; the second is kept."),
    ],
)
def test_each_verdict_has_its_sentence(net, pixels, verdict, untried, sentence):
    assert sentence_for(verdict, net, pixels, pixels, [compared(net, pixels)], untried) == sentence


def test_the_shared_images_are_those_of_the_pair_and_not_of_another_comparison(net, pixels, make_validated, make_candidate):
    tuned = make_validated(make_candidate(method={"kind": "lp_ft"}), 0.92, 0.25)
    made = [compared(tuned, net, num_rows=600), compared(tuned, pixels, num_rows=307)]
    for order in (made, made[::-1]):
        assert "on 307 shared held-out images" in sentence_for("transfer", tuned, pixels, tuned, order, "")


@pytest.mark.parametrize(("untried", "why"), [("--only scratch leaves out what transfers", True), ("", False)])
def test_without_a_transfer_side_the_sentence_says_why(pixels, untried, why):
    sentence = sentence_for("not judged", None, pixels, pixels, [], untried)
    because = f" ({untried})" if why else ""
    assert sentence == f"Not judged: nothing that transfers was fitted{because}. ridge on raw pixels reaches 85.0% out of fold."


def test_why_a_side_is_missing(net, pixels, make_candidate, make_validated):
    scratch = make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"})
    skipped = CrossValidated(scratch, scratch.result(status="skipped", reason="one fit would take about 99 s"))
    fitted = make_validated(scratch, predictions=object())
    assert untried_side([net, pixels, fitted], None) == ""
    assert untried_side([net, pixels, fitted], "scratch") == "--only scratch leaves out what transfers"
    assert untried_side([net, pixels], "transfer") == "--only transfer leaves out training from scratch"
    assert untried_side([net, pixels], None) == NO_SCRATCH
    assert untried_side([net, skipped], None) == "small_cnn from scratch was not fitted (one fit would take about 99 s)"


def test_what_was_compared_names_each_network_that_was_trained_and_why_others_were_not(net, make_candidate, make_validated):
    scratch = make_validated(make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"}), predictions=object())
    late = make_candidate(method={"kind": "lp_ft"})
    skipped = CrossValidated(late, late.result(status="skipped", reason="one fit would take about 99 s"))
    closed = make_validated(make_candidate(), predictions=object())
    assert what_was_compared([closed, scratch, skipped]) == (
        "Compared out of fold: 1 closed form, small_cnn from scratch. Not fitted: lp_ft of net at 96 pixels (one fit would take "
        "about 99 s)."
    )


def test_the_rule_is_told_where_the_winner_is_not_the_most_accurate(net, pixels, make_validated, make_candidate):
    tuned = make_validated(make_candidate(method={"kind": "lp_ft"}), 0.92, 0.35)
    chosen, others = net.result.name, [pixels.result, net.result]
    assert log_loss_decides(others, chosen) == ""
    assert log_loss_decides(others, "nobody") == ""
    told = (
        "Candidates are chosen by log loss, which counts how sure an answer is, and not by accuracy: lp_ft of net at 96 pixels "
        "is more accurate (92.0% against 90.0%) and has a log loss of "
    )
    assert log_loss_decides([*others, tuned.result], chosen) == told + "0.350 against 0.300."
    surer = tuned.result.model_copy(update={"log_loss": tuned.result.log_loss.model_copy(update={"value": 0.25})})
    assert log_loss_decides([*others, surer], chosen) == (
        told + "0.250 against 0.300, a difference that the rule counts as noise."
    )
    elsewhere = tuned.result.model_copy(update={"num_rows": tuned.result.num_rows - 1})
    assert log_loss_decides([*others, elsewhere], chosen) == ""


def test_reasons_name_the_choice_every_comparison_the_baseline_the_ranking_and_the_curve(net, pixels, ranking):
    curve = LearningCurve(
        points=(), recipe="ridge", exact=True, num_labels=1, now=GAIN, forecasts=(), expected=(), sentence="More labels help."
    )
    net, pixels = (replace(one, predictions=object()) for one in (net, pixels))
    made = [compared(net, pixels), compared(pixels, net, significant=False)]
    name = "ridge on stages of net at 96 pixels"
    numbers = "+5.1 points [+3.1, +7.1] of accuracy, log loss lower by +0.200 [+0.150, +0.250]"
    assert reasons_for([net, pixels], net, made, curve, ranking) == (
        f"{name}: accuracy 90.0% [88.0%, 92.0%] out of fold on 1,500 images.",
        "Compared out of fold: 2 closed forms.",
        f"{name} against ridge on raw pixels: {numbers}, beyond noise (McNemar p = 0.0012, 1,203 images).",
        f"ridge on raw pixels against {name}: {numbers}, within noise (McNemar p = 0.0012, 1,203 images).",
        "Baseline gap: the best transfer candidate is +5.0 points from the best one without knowledge.",
        "The ranking, of frozen features alone: net ranks first.",
        "More labels help.",
    )


def test_reasons_without_a_baseline_or_a_curve_leave_them_out(net, ranking):
    assert len(reasons_for([net], net, [], None, ranking)) == 3


def test_everything_that_was_not_chosen_has_its_reason(net, pixels, ranking, make_candidate, make_validated):
    skipped = make_candidate(method={"kind": "lp_ft"})
    late = CrossValidated(skipped, skipped.result(status="skipped", reason="one fit would take about 99 s"))
    close = make_validated(make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"}), 0.91, 0.29)
    made = [compared(net, pixels), compared(close, net, significant=False)]
    rejected = rejected_from([pixels, net, late, close], ranking, net, made)
    against = "against 90.0% and 0.300 of ridge on stages of net at 96 pixels"
    assert [(one.candidate, one.reason) for one in rejected] == [
        ("ridge on raw pixels", f"accuracy 85.0%, log loss 0.520, {against}"),
        ("lp_ft of net at 96 pixels", "one fit would take about 99 s"),
        ("small_cnn from scratch", f"accuracy 91.0%, log loss 0.290, {against}; within noise"),
        ("far", "ranked 2.5 on average and outside the shortlist; probe accuracy 62.5%"),
    ]
