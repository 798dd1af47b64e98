"""Drift: tests hold their level and find what changed; accuracy and class shares are estimated without labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.evaluation.accuracy_estimators import ACCURACY_ESTIMATORS
from headstart.evaluation.accuracy_estimators.average_thresholded_confidence import average_thresholded_confidence
from headstart.evaluation.accuracy_estimators.confidence_optimal_transport import confidence_optimal_transport
from headstart.evaluation.accuracy_estimators.difference_of_confidence import difference_of_confidence
from headstart.evaluation.drift import Drift, drift_of, unusual_share
from headstart.evaluation.drift_inputs import DriftInputs
from headstart.evaluation.drift_tests import DRIFT_TESTS
from headstart.evaluation.drift_tests.novelty import novelty
from headstart.evaluation.drift_tests.predicted_classes import predicted_classes
from headstart.evaluation.intervals import wilson
from headstart.evaluation.stress import StressRow

CLASSES = ("a", "b", "c")
CALIBRATED = 199


def predicted(num: int, seed: int, shares=(0.5, 0.3, 0.2), sharp: float = 2.0, usual: float = 1.0) -> Predictions:
    """Calibrated predictions of a model whose scores favor the label; `usual` below 1 makes images look less usual."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(3, num, p=shares)
    scores = sharp * np.eye(3)[labels] + draw.normal(size=(num, 3)) * np.sqrt(sharp)
    probs = softmax(scores + np.log([0.5, 0.3, 0.2]), axis=1)
    calibration = np.sort(draw.uniform(size=CALIBRATED))
    p_values = (1 + np.searchsorted(calibration, draw.uniform(size=num) * usual)) / (1 + CALIBRATED)
    names = tuple(f"{row}.png" for row in range(num))
    return Predictions(names, CLASSES, labels, probs, probs, np.arange(num), p_values)


def compared(
    new: Predictions,
    level: float = 0.05,
    held_out: Predictions | None = None,
    stressed: tuple[StressRow, ...] = (),
    *,
    same_model: bool = True,
) -> Drift:
    held = held_out or predicted(400, 1)
    learned = wilson(float(held.correct.sum()), len(held))
    return drift_of(
        held, new, 1 / (1 + CALIBRATED), "test", learned, same_model=same_model, level=level, seed=0, stressed=stressed
    )


def corrected(drift: Drift) -> dict[str, float]:
    return {one.name: one.corrected for one in drift.tests}


@pytest.mark.slow
def test_where_nothing_changed_drift_is_found_as_often_as_the_level_says() -> None:
    inputs = [
        DriftInputs(held.probs, new.probs, 1 / (1 + CALIBRATED), new.p_values)
        for held, new in ((predicted(300, 2 * seed), predicted(200, 2 * seed + 1)) for seed in range(400))
    ]
    for name, test in DRIFT_TESTS.all().items():
        p_values = np.array([test(one) for one in inputs])
        for level in (0.05, 0.2):
            error = np.sqrt(level * (1 - level) / len(p_values))
            assert (p_values <= level).mean() <= level + 3 * error, name
        assert (p_values <= 0.2).mean() >= 0.1, name  # it does not sleep either


@pytest.mark.parametrize(
    ("changed", "test"),
    [({"usual": 0.5}, "novelty"), ({"sharp": 0.8}, "confidence"), ({"shares": (0.1, 0.3, 0.6)}, "predicted_classes")],
)
def test_what_changed_is_found_and_named(changed: dict[str, float], test: str) -> None:
    drift = compared(predicted(300, 3, **changed))
    assert drift.found
    assert corrected(drift)[test] <= 0.01
    assert drift.sentence.startswith("Drift was found: the 300 new images differ from those learned from in ")


def test_nothing_is_found_of_images_as_before() -> None:
    drift = compared(predicted(300, 5))
    assert (drift.found, drift.sentence) == (
        False,
        "No drift was found: the 300 new images look like those learned from (level 0.05).",
    )
    assert set(corrected(drift)) == set(DRIFT_TESTS.names())
    assert 0.02 < drift.unknown.value < 0.09
    assert drift.estimated_accuracy.low <= predicted(300, 5).correct.mean() <= drift.estimated_accuracy.high


def test_p_values_are_corrected_one_after_the_other_and_the_level_decides() -> None:
    drift = compared(predicted(300, 3, shares=(0.35, 0.4, 0.25)))
    raw = [one.p_value for one in drift.tests]
    expected = np.maximum.accumulate([min(1.0, p * (3 - place)) for place, p in enumerate(raw)])
    assert raw == sorted(raw)
    assert [one.corrected for one in drift.tests] == expected.tolist()
    for level in (expected[0] * 1.01, expected[0] * 0.99):
        assert compared(predicted(300, 3, shares=(0.35, 0.4, 0.25)), level).found == (level > expected[0])


def test_without_a_novelty_detector_the_other_tests_decide() -> None:
    drift = compared(replace(predicted(300, 5), p_values=None))
    assert (drift.unknown, set(corrected(drift))) == (None, {"confidence", "predicted_classes"})


def test_ranks_among_calibration_images_are_all_that_novelty_reads() -> None:
    draw = np.random.default_rng(0)
    calibration, new = draw.normal(size=39), draw.normal(0.4, 1, 31)
    p_values = (1 + (calibration[:, None] <= new).sum(axis=0)) / 40
    from scipy.stats import ks_2samp

    probs = np.full((31, 2), 0.5)
    assert novelty(DriftInputs(probs, probs, 1 / 40, p_values)) == pytest.approx(ks_2samp(new, calibration).pvalue)


def test_rare_classes_are_counted_together_and_one_class_is_not_tested() -> None:
    def probs(*counts: int) -> np.ndarray:
        return np.repeat(np.eye(len(counts)), counts, axis=0)

    rare = predicted_classes(DriftInputs(probs(50, 46, 2, 1, 1), probs(50, 41, 3, 3, 3), 1.0, None))
    together = predicted_classes(DriftInputs(probs(50, 46, 4), probs(50, 41, 9), 1.0, None))
    assert rare == pytest.approx(together)
    joined = predicted_classes(DriftInputs(probs(50, 46, 1), probs(50, 41, 2), 1.0, None))
    assert joined == pytest.approx(predicted_classes(DriftInputs(probs(51, 46), probs(52, 41), 1.0, None)))
    assert predicted_classes(DriftInputs(probs(30, 0), probs(40, 0), 1.0, None)) is None


def test_class_shares_are_corrected_for_confusions() -> None:
    truth = (0.15, 0.3, 0.55)
    held = compared(predicted(2000, 7, shares=truth, sharp=3.0), held_out=predicted(2000, 1, sharp=3.0))
    assert [one.name for one in held.class_shares] == list(CLASSES)
    for share, true in zip(held.class_shares, truth, strict=True):
        assert share.estimated.low - 0.01 <= true <= share.estimated.high + 0.01
    errors = [
        [abs(value(one) - true) for one, true in zip(held.class_shares, truth, strict=True)]
        for value in (lambda one: one.estimated.value, lambda one: one.predicted)
    ]
    assert np.mean(errors[0]) < np.mean(errors[1])


def test_estimators_agree_with_their_formulas() -> None:
    held = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    labels, new = np.array([0, 1, 0, 1]), np.array([[0.65, 0.35], [0.95, 0.05]])
    assert difference_of_confidence(held, labels, new) == pytest.approx(0.75 - 0.75 + 0.8)
    assert average_thresholded_confidence(held, labels, new) == pytest.approx(0.5)  # 0.7 is the threshold: above it are 3 of 4
    assert difference_of_confidence(held, labels, np.array([[0.5, 0.5]])) == pytest.approx(0.5)
    assert set(ACCURACY_ESTIMATORS.names()) == {
        "average_thresholded_confidence",
        "confidence_optimal_transport",
        "difference_of_confidence",
    }


def test_the_difference_of_confidence_follows_a_fall_of_accuracy_of_a_calibrated_model() -> None:
    held, new = predicted(3000, 1, sharp=3.0), predicted(3000, 2, sharp=1.0)
    assert held.correct.mean() - new.correct.mean() > 0.1
    assert difference_of_confidence(held.probs, held.labels, new.probs) == pytest.approx(new.correct.mean(), abs=0.03)


def test_the_thresholded_confidence_follows_rows_of_which_nothing_is_known() -> None:
    held, new = predicted(3000, 1, sharp=5.0), predicted(3000, 2, sharp=5.0)
    probs = new.probs.copy()
    probs[:1500] = 1 / 3
    found = average_thresholded_confidence(held.probs, held.labels, probs)
    assert found == pytest.approx(new.correct[1500:].mean() / 2, abs=0.03)


def test_an_interval_is_wider_where_drift_was_found() -> None:
    alike, other = compared(predicted(300, 5)), compared(predicted(300, 5, usual=0.3))
    widths = [one.estimated_accuracy.high - one.estimated_accuracy.low for one in (alike, other)]
    assert other.found
    assert widths[1] > widths[0] + 0.1


def test_few_images_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        compared(predicted(19, 1))
    assert str(caught.value) == "There are 19 new images, and 20 or more are needed to tell whether anything changed."
    with pytest.raises(DataError, match="19 labeled images that were held out"):
        compared(predicted(30, 1), held_out=predicted(19, 1))


def test_where_models_of_folds_predicted_only_what_the_detector_sees_is_compared() -> None:
    drift = compared(predicted(300, 3, sharp=0.8), same_model=False)
    assert set(corrected(drift)) == {"novelty"}


def test_the_share_of_unusual_images_is_not_overestimated() -> None:
    draw = np.random.default_rng(0)
    usual = [unusual_share(draw.uniform(size=300)) for _ in range(100)]
    assert np.mean(np.array(usual) > 0) <= 0.1
    mixed = np.concatenate([draw.uniform(size=180), draw.uniform(0, 0.01, 120)])
    assert 0.25 < unusual_share(mixed) <= 0.42


def test_transport_finds_out_a_model_that_names_one_class_for_everything() -> None:
    held = predicted(600, 1, sharp=5.0)
    one_class = np.tile([0.98, 0.01, 0.01], (300, 1))
    assert difference_of_confidence(held.probs, held.labels, one_class) > 0.9
    assert confidence_optimal_transport(held.probs, held.labels, one_class) == pytest.approx(0.5, abs=0.1)
    sure = np.eye(3)[held.labels]
    assert confidence_optimal_transport(held.probs, held.labels, sure) == pytest.approx(1.0)


def test_unusual_images_are_estimated_by_transport_and_usual_ones_by_confidence() -> None:
    new = predicted(300, 5)
    strange = compared(replace(new, p_values=np.full(300, 1 / (1 + CALIBRATED))))
    usual = compared(replace(new, p_values=np.linspace(0.01, 1, 300)))
    assert (usual.unusual, usual.estimated_accuracy.value) == (0.0, usual.estimates["difference_of_confidence"])
    assert 0.85 < strange.unusual < 1
    assert strange.estimated_accuracy.value == strange.estimates["confidence_optimal_transport"]
    assert strange.estimates == usual.estimates


def test_an_estimate_without_an_error_is_as_uncertain_as_what_was_learned() -> None:
    probs = np.tile([0.999, 0.0005, 0.0005], (20, 1))
    sure = replace(predicted(20, 1), labels=np.zeros(20, np.int64), probs=probs, p_values=None)
    drift = compared(sure, held_out=sure)
    assert drift.estimated_accuracy.high == 1.0
    assert drift.estimated_accuracy.low == pytest.approx(drift.learned_accuracy.low)


def test_a_stress_test_corrects_the_accuracy_where_images_look_unusual_and_nowhere_else() -> None:
    """It is corrected by how the estimate erred under corruptions, and is as uncertain as these corrections."""

    def rows(error: float) -> tuple[StressRow, ...]:
        found = []
        for place in range(12):
            estimates = dict.fromkeys(ACCURACY_ESTIMATORS.names(), 0.3 + place / 30)
            accuracy = wilson(0.0, 100).model_copy(update={"value": 0.3 + place / 30 + error})
            family = ("noise", "blur")[place % 2]
            found.append(StressRow(corruption=family, family=family, strength=1, accuracy=accuracy, estimates=estimates))
        return tuple(found)

    new = predicted(300, 3, usual=0.5)
    plain, corrected_by = compared(new), compared(new, stressed=rows(0.04))
    assert (plain.num_conditions, corrected_by.num_conditions) == (0, 12)
    assert corrected_by.estimated_accuracy.value == pytest.approx(plain.estimated_accuracy.value + 0.04)
    widths = [one.estimated_accuracy.high - one.estimated_accuracy.low for one in (corrected_by, plain)]
    assert widths[0] < widths[1]
    usual = replace(predicted(300, 5), p_values=None)
    assert compared(usual, stressed=rows(0.04)) == compared(usual)
    assert compared(new, stressed=rows(5.0)).estimated_accuracy.value == 1.0
