from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import Predictions
from headstart.evaluation.conformal import Calibration
from headstart.evaluation.intervals import wilson
from headstart.evaluation.out_of_fold import evaluation_out_of_fold
from headstart.evaluation.protocols import evaluation_of
from headstart.evaluation.ranked_rows import RankedRows
from headstart.evaluation.selective import accuracy_coverage, answered_at, mistakes_p_value, rows_needed


def predictions(confidence: np.ndarray, correct: np.ndarray, groups: np.ndarray | None = None) -> Predictions:
    """Of two classes, the first of which is always predicted."""
    probs = np.stack([confidence, 1 - confidence], axis=1)
    count = len(confidence)
    groups = np.arange(count) if groups is None else groups
    return Predictions(tuple(map(str, range(count))), ("a", "b"), np.where(correct, 0, 1), probs, probs, groups)


def drawn(count: int, seed: int) -> Predictions:
    """As often right as the probability says."""
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.6, 1, count)
    return predictions(confidence, generator.random(count) < confidence)


def test_the_curve_counts_the_most_certain_images_and_ends_at_the_accuracy():
    confidence = np.linspace(0.99, 0.6, 40)
    correct = np.arange(40) < 30
    points = accuracy_coverage(predictions(confidence, correct))
    assert [point.num_images for point in points] == list(range(10, 41, 2))
    assert [point.accuracy for point in points] == [wilson(min(size, 30), size) for size in range(10, 41, 2)]
    assert points[-1].coverage == 1
    assert points[0].threshold == pytest.approx(confidence[9])


def test_images_of_equal_certainty_are_answered_together():
    points = accuracy_coverage(predictions(np.repeat([0.9, 0.7], 20), np.arange(40) % 2 == 0))
    assert [(point.coverage, point.num_images) for point in points] == [(0.5, 20), (1.0, 40)]


def test_copies_in_groups_make_no_interval_narrower():
    one = drawn(50, 3)
    alone = accuracy_coverage(one)[-1].accuracy
    copies = np.repeat(np.arange(50), 7)
    grouped = accuracy_coverage(replace(one.take(copies), groups=copies))[-1].accuracy
    assert grouped.value == pytest.approx(alone.value)
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.02)
    sure = accuracy_coverage(replace(predictions(np.full(350, 0.9), np.ones(350, bool)), groups=copies))[-1].accuracy
    assert (sure.low, sure.high) == pytest.approx((wilson(50, 50).low, 1.0))


def test_an_evaluation_has_the_curve_and_out_of_fold_the_sizes_of_sets():
    found = evaluation_of(drawn(60, 1), "test")
    assert found.selective[-1].accuracy.value == pytest.approx(found.accuracy.value)
    assert found.prediction_sets == ()
    out_of_fold = evaluation_out_of_fold(drawn(60, 1))
    assert out_of_fold.selective[-1].accuracy == out_of_fold.accuracy
    assert [one.level for one in out_of_fold.prediction_sets] == [0.8, 0.9, 0.95]
    assert type(found).from_dict(out_of_fold.to_dict()) == out_of_fold
    assert "prediction_sets" not in found.to_dict()


@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("mistakes", [0, 2])
def test_the_number_of_rows_needed_is_the_least(accuracy, mistakes):
    needed = rows_needed(accuracy, mistakes)
    assert stats.binom.cdf(mistakes, needed, 1 - accuracy) <= 0.05 < stats.binom.cdf(mistakes, needed - 1, 1 - accuracy)


def test_the_p_value_is_that_of_the_binomial_test_and_of_groups_a_bound():
    correct = np.arange(80) >= 3
    exact = stats.binomtest(3, 80, 0.1, alternative="less").pvalue
    assert p_value(correct, np.arange(80), 0.9) == pytest.approx(exact)
    groups = np.arange(80) // 2  # a mistake and a half of 40
    bentkus = math.e * stats.binom.cdf(2, 40, 0.1)
    mean = 1.5 / 40
    hoeffding = math.exp(-40 * (mean * math.log(mean / 0.1) + (1 - mean) * math.log((1 - mean) / 0.9)))
    assert p_value(correct, groups, 0.9) == pytest.approx(min(bentkus, hoeffding))
    assert p_value(np.zeros(0), np.zeros(0, np.int64), 0.9) == 1
    assert p_value(np.zeros(6), np.arange(6) // 2, 0.9) == 1


def p_value(correct: np.ndarray, groups: np.ndarray, accuracy: float, size: int | None = None) -> float:
    """Of the first rows answered; of all where no size is given."""
    ranked = RankedRows.of(np.linspace(1, 0.5, len(correct)), np.asarray(correct), groups)
    return mistakes_p_value(ranked, len(correct) if size is None else size, accuracy)


def test_of_groups_that_are_answered_in_part_the_promise_is_tested_and_not_the_mean_of_their_shares():
    # ten groups of four, all answered and half of them wrong; thirty groups of four with one answered, always right
    correct = np.array([1] * 30 + [0, 1] * 20 + [0] * 90)
    groups = np.array([*range(30), *np.repeat(np.arange(30, 40), 4), *np.repeat(np.arange(30), 3)])
    sums = np.array([-0.2 / 4] * 30 + [(2 - 0.8) / 4] * 10)  # of (wrong - alpha) / n over the answered rows of a group
    assert sums.mean() > 0  # 20 of 70 answered rows are wrong
    assert (10 * 0.5) / 40 < 0.2  # the mean over groups of the share that is wrong
    assert p_value(correct, groups, 0.8, 70) == pytest.approx(1.0)
    mean = 0.3 + np.array([-0.3 / 4] * 30 + [(2 - 1.2) / 4] * 10).mean()
    bentkus = math.e * stats.binom.cdf(math.ceil(40 * mean), 40, 0.3)
    hoeffding = math.exp(-40 * (mean * math.log(mean / 0.3) + (1 - mean) * math.log((1 - mean) / 0.7)))
    assert p_value(correct, groups, 0.7, 70) == pytest.approx(min(1, bentkus, hoeffding))


def test_single_answered_rows_of_larger_groups_are_not_tested_by_the_binomial_test():
    correct, groups = np.ones(160), np.tile(np.arange(80), 2)
    assert p_value(correct, groups, 0.9, 80) > 0.9**80
    assert p_value(correct, groups, 0.9, 80) == pytest.approx(
        min(math.e * stats.binom.cdf(4, 80, 0.1), math.exp(-80 * divergence(0.05, 0.1)))
    )


def divergence(share: float, allowed: float) -> float:
    return share * math.log(share / allowed) + (1 - share) * math.log((1 - share) / (1 - allowed))


def test_ranked_rows_are_sums_over_the_most_certain_ones():
    generator = np.random.default_rng(0)
    confidence, groups = np.round(generator.random(53), 1), generator.integers(0, 11, 53)
    correct = generator.random(53) < 0.7
    ranked = RankedRows.of(confidence, correct, groups)
    counts = np.bincount(groups)
    for threshold in (0.0, 0.35, 0.5, 0.9, 1.1):
        chosen = confidence >= threshold
        size = ranked.size_at(threshold)
        assert size == chosen.sum()
        assert ranked.num_units[size] == len(np.unique(groups[chosen]))
        assert ranked.answered[size] == pytest.approx((1 / counts[groups[chosen]]).sum())
        assert ranked.wrong[size] == pytest.approx((~correct[chosen] / counts[groups[chosen]]).sum())
    assert not ranked.are_single


def test_what_is_answered_is_as_accurate_as_was_asked_for_in_19_of_20_draws():
    wanted, missed, answered = 0.8, 0, []
    for seed in range(200):
        found = answered_at(Calibration.of(drawn(400, seed)), wanted)
        # of images at or above t in [0.6, 1], (1 + t) / 2 are right; all of them: 0.8
        missed += (1 + max(found.threshold, 0.6)) / 2 < wanted
        answered.append(found.coverage)
    assert missed <= 17  # binomial, 200 draws of 5 %: 98 % are at most 17
    assert np.mean(answered) > 0.7
    hard = [threshold_of(seed, 0.9) for seed in range(200)]
    assert sum((1 + threshold) / 2 < 0.9 for threshold in hard) <= 17


def threshold_of(seed: int, wanted: float) -> float:
    """1 where nothing can be answered."""
    try:
        return max(answered_at(Calibration.of(drawn(400, seed)), wanted).threshold, 0.6)
    except DataError:
        return 1.0


def test_a_wrong_label_among_the_most_certain_images_does_not_end_the_search():
    confidence = np.linspace(1 - 1e-5, 0.9, 500)
    correct = np.ones(500, bool)
    correct[3] = False
    found = answered_at(Calibration.of(predictions(confidence, correct)), 0.95)
    assert (found.coverage, found.num_images, found.accuracy) == (1.0, 500, 499 / 500)


@pytest.mark.parametrize("accuracy", [0.0, 1.0, 95.0, math.nan])
def test_an_accuracy_is_a_share(accuracy):
    with pytest.raises(PlanError) as error:
        answered_at(Calibration.of(drawn(100, 0)), accuracy)
    assert str(error.value) == (
        f"at_accuracy = {accuracy:g} is no accuracy to ask for. Give more than 0 and less than 1, such as 0.95."
    )


def test_too_few_images_are_counted():
    with pytest.raises(DataError) as error:
        answered_at(Calibration.of(drawn(40, 0)), 0.95)
    assert str(error.value) == (
        "An accuracy of 0.95 can be shown with 95 % confidence by 59 independent labeled images or more (those of a group count "
        "once), and this run has 40. Ask for less, or label more images."
    )


def test_an_accuracy_that_no_threshold_reaches_is_refused():
    with pytest.raises(DataError) as error:
        answered_at(Calibration.of(predictions(np.linspace(0.99, 0.6, 300), np.arange(300) % 2 == 0)), 0.95)
    assert str(error.value) == (
        "No certainty reaches an accuracy of 0.95 with 95 % confidence: of the 124 most certain labeled images 62 are right. Ask "
        "for less, or label more images."
    )
