"""Learning curves that earlier versions wrote are still read."""

from __future__ import annotations

import pytest

from headstart.planning.label_budget import LearningCurve, UnlabeledGain, enough_labels

OLD = {
    "points": [{"num_rows": rows, "error": error, "spread": 0.01} for rows, error in ((50, 0.2), (100, 0.15), (200, 0.1))],
    "asymptote": 0.02,
    "slope": 1.0,
    "now": {"value": 0.09, "low": 0.07, "high": 0.11},
    "four_times": {"value": 0.055, "low": 0.03, "high": 0.08},
    "sentence": "With four times the labels (800), expect an accuracy of the ridge head of about 94.5%.",
}


def test_a_curve_of_the_ridge_head_becomes_one_with_a_single_forecast():
    curve = LearningCurve.model_validate(OLD)
    assert (curve.recipe, curve.exact, curve.num_labels, curve.sentence) == ("the ridge head", False, 200, OLD["sentence"])
    (four,) = curve.forecasts
    assert (four.factor, four.num_labels, four.accuracy.value) == (4, 800, pytest.approx(0.945))
    assert (four.gain.low, four.gain.value, four.gain.high) == pytest.approx((0.01, 0.035, 0.06))
    assert [one.num_labels for one in curve.expected] == [50, 100, 200, 400, 800]
    assert LearningCurve.from_json(curve.to_json()) == curve


def test_what_unlabeled_images_bring_says_whether_labels_were_hidden():
    gain = {"value": 0.012, "low": -0.003, "high": 0.027}
    facts = {"method": "label_mean", "against": "ridge", "num_labels": 80, "num_unlabeled": 1_200, "gain": gain}
    hidden, given = (UnlabeledGain.model_validate({**facts, "hidden": hidden}).sentence for hidden in (True, False))
    assert hidden == (
        "1,200 images without labels beside 80 labels, measured by hiding labels that there are, bring +1.2 points [-0.3, +2.7] "
        "of accuracy (label_mean against ridge on the same features)."
    )
    assert given == (
        "The 1,200 unlabeled images bring +1.2 points [-0.3, +2.7] of accuracy beside 80 labels (label_mean against ridge on "
        "the same features)."
    )


def test_a_curve_needs_forty_labels_and_five_a_class():
    assert not enough_labels(39, 2)
    assert enough_labels(40, 8)
    assert not enough_labels(109, 22)
    assert enough_labels(110, 22)
