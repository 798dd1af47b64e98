import numpy as np
import pytest

from headstart.evaluation.calibration import Binned, calibration_error, reliability


def error_of(predictions, raw=False):
    probs = predictions.raw_probs if raw else predictions.probs
    return calibration_error(probs, predictions.labels, predictions.groups, 500, np.random.default_rng(0))


def test_bins_are_a_partition_of_about_equal_size(make_predictions):
    predictions = make_predictions(0, (211, 97, 149))
    bins = reliability(predictions.probs, predictions.labels)
    counts = [each.count for each in bins]
    assert len(bins) == 15
    assert sum(counts) == 457
    assert max(counts) - min(counts) <= 2
    assert [each.confidence for each in bins] == sorted(each.confidence for each in bins)
    assert sum(each.count * each.accuracy for each in bins) == pytest.approx(predictions.correct.sum())


def test_few_rows_make_fewer_bins(make_predictions):
    assert len(reliability(make_predictions(0, (13, 10)).probs, make_predictions(0, (13, 10)).labels)) == 2


def test_equal_confidences_share_one_bin():
    probs = np.tile([0.7, 0.3], (200, 1))
    bins = reliability(probs, np.zeros(200, np.int64))
    assert [(each.count, each.accuracy) for each in bins] == [(200, 1.0)]
    assert bins[0].confidence == pytest.approx(0.7)


def test_bins_do_not_depend_on_the_order_of_rows(make_predictions):
    predictions = make_predictions(0, (101, 53))
    turned = predictions.take(np.random.default_rng(4).permutation(154))
    first, second = (reliability(each.probs, each.labels) for each in (predictions, turned))
    assert [(each.count, each.accuracy) for each in first] == [(each.count, each.accuracy) for each in second]


def test_plain_error_equals_brute_force(make_predictions):
    predictions = make_predictions(0, (211, 97, 149))
    binned = Binned.of(predictions.probs, predictions.labels)
    parts = np.split(np.arange(457), binned.starts[1:])
    debiased_above = sum(len(rows) / 457 * abs(binned.confidence[rows].mean() - binned.correct[rows].mean()) for rows in parts)
    assert error_of(predictions).value < debiased_above


def test_a_known_gap_is_recovered():
    rng = np.random.default_rng(0)
    probs = np.tile([0.9, 0.1], (4000, 1))
    labels = (rng.random(4000) > 0.7).astype(np.int64)
    estimate = calibration_error(probs, labels, np.arange(4000), 500, rng)
    assert estimate.value == pytest.approx(0.2, abs=0.02)
    assert estimate.low < 0.2 < estimate.high


def test_debiasing_takes_much_of_the_noise_from_calibrated_predictions():
    rng = np.random.default_rng(1)
    plain, debiased = [], []
    for _ in range(40):
        first = rng.uniform(0.5, 1, 301)
        probs, labels = np.stack([first, 1 - first], axis=1), (rng.random(301) > first).astype(np.int64)
        bins = reliability(probs, labels)
        plain.append(sum(each.count * abs(each.accuracy - each.confidence) for each in bins) / 301)
        debiased.append(calibration_error(probs, labels, np.arange(301), 2, rng).value)
    assert np.mean(plain) > 0.05
    assert np.mean(debiased) < 0.65 * np.mean(plain)


def test_overconfidence_is_seen_before_temperature(make_predictions):
    predictions = make_predictions(0, (211, 97, 149))
    after, before = error_of(predictions), error_of(predictions, raw=True)
    assert before.low > after.high


@pytest.mark.slow
def test_interval_covers_the_true_error():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(200):
        first = rng.uniform(0.5, 1, 401)
        probs, labels = np.stack([first, 1 - first], axis=1), (rng.random(401) > first - 0.15).astype(np.int64)
        estimate = calibration_error(probs, labels, np.arange(401), 300, rng)
        covered += estimate.low <= 0.15 <= estimate.high
    assert covered >= 176
