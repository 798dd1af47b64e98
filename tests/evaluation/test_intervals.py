import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from headstart.core.errors import DataError
from headstart.evaluation.intervals import (
    bootstrap,
    bootstrap_weights,
    has_clusters,
    mean_of_proportions,
    paired_difference,
    percentile_interval,
    strata_of,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [(45, 50, 0.7864, 0.9565), (90, 100, 0.8256, 0.9448), (20, 20, 0.8389, 1.0), (900, 1000, 0.8798, 0.9171)],
)
def test_wilson_gives_the_published_values(successes, total, low, high):
    estimate = wilson(successes, total)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)
    assert estimate.value == successes / total


@given(total=st.integers(1, 5000), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_wilson_holds_its_value_inside_the_unit_interval_and_mirrors(total, share, level):
    successes = round(share * total)
    estimate, mirrored = wilson(successes, total, level), wilson(total - successes, total, level)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high
    assert estimate.low == pytest.approx(1 - mirrored.high, abs=1e-12)


def test_wilson_refuses_no_trials():
    with pytest.raises(DataError) as caught:
        wilson(0, 0)
    assert str(caught.value) == "An interval of a proportion needs at least one image, and there are 0. Add labeled images."


def test_mean_of_one_proportion_is_that_proportion():
    estimate = wilson(17, 23)
    mean = mean_of_proportions([estimate])
    assert (mean.value, mean.low, mean.high) == pytest.approx((estimate.value, estimate.low, estimate.high))


def test_mean_of_perfect_proportions_keeps_its_width():
    mean = mean_of_proportions([wilson(7, 7), wilson(11, 11), wilson(13, 13)])
    assert mean.value == mean.high == 1.0
    assert wilson(7, 7).low < mean.low < 0.95


@pytest.mark.slow
def test_mean_of_proportions_covers_like_its_level():
    rng, truth, totals = np.random.default_rng(5), np.array([0.6, 0.9, 0.97]), np.array([11, 23, 17])
    covered = 0
    for draw in rng.binomial(totals, truth, size=(1000, 3)):
        mean = mean_of_proportions([wilson(int(right), int(total)) for right, total in zip(draw, totals, strict=True)])
        covered += mean.low <= truth.mean() <= mean.high
    assert 930 <= covered <= 985


def test_weights_keep_groups_together_and_count_groups():
    groups = np.array([4, 4, 9, 9, 9, 2, 7])
    for weights in bootstrap_weights(groups, np.zeros(7, np.int64), 53, np.random.default_rng(0)):
        assert (weights[:, 0] == weights[:, 1]).all()
        assert (weights[:, 2] == weights[:, 4]).all()
        assert (weights[:, [0, 2, 5, 6]].sum(axis=1) == 4).all()


def test_weights_keep_the_label_counts_without_groups():
    labels = np.array([0, 1, 0, 1, 1, 2, 3])
    blocks = list(bootstrap_weights(np.arange(7), labels, 53, np.random.default_rng(0)))
    weights = np.concatenate(blocks)
    assert weights.shape == (53, 7)
    assert (weights[:, labels == 0].sum(axis=1) == 2).all()
    assert (weights[:, labels == 1].sum(axis=1) == 3).all()
    assert (weights[:, 5:].sum(axis=1) == 2).all()
    assert weights[:, 5].std() > 0


def test_weights_do_not_depend_on_the_block_size_in_shape(monkeypatch):
    monkeypatch.setattr("headstart.evaluation.intervals.BLOCK_NUMBERS", 20)
    blocks = list(bootstrap_weights(np.arange(7), np.zeros(7, np.int64), 11, np.random.default_rng(0)))
    assert [len(block) for block in blocks] == [2, 2, 2, 2, 2, 1]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_strata_are_a_partition(labels):
    parts = strata_of(np.array(labels))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))


def test_clusters_are_groups_of_several_rows():
    assert has_clusters(np.array([3, 1, 3]))
    assert not has_clusters(np.array([3, 1, 2]))


def test_bootstrap_of_a_mean_agrees_with_scipy():
    values = np.random.default_rng(1).gamma(2.0, size=101)
    one_label = np.zeros(101, np.int64)
    draws = bootstrap(lambda weights: weights @ values / 101, np.arange(101), one_label, 9_999, np.random.default_rng(2))
    ours = percentile_interval(float(values.mean()), draws)
    theirs = scipy_bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(3)).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.02)
    assert ours.high == pytest.approx(theirs.high, abs=0.02)


def test_bootstrap_over_groups_is_wider_when_groups_agree():
    groups = np.repeat(np.arange(17), 6)
    values = np.random.default_rng(1).normal(size=17)[groups]
    labels = np.zeros(len(groups), np.int64)

    def spread(of: np.ndarray) -> float:
        rng = np.random.default_rng(2)
        return float(bootstrap(lambda weights: weights @ values / weights.sum(axis=1), of, labels, 2_000, rng).std())

    assert spread(groups) == pytest.approx(spread(np.arange(len(groups))) * math.sqrt(6), rel=0.1)


def test_percentile_interval_leaves_out_undefined_draws_and_holds_the_value():
    estimate = percentile_interval(5.0, np.array([1.0, np.nan, 2.0, 3.0]))
    assert (estimate.value, estimate.high) == (5.0, 5.0)
    assert 1.0 <= estimate.low <= 1.1


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((36, 12, 2, 0), (0.2, 0.0569, 0.3404)),  # Newcombe's own example
        ((27, 0, 0, 0), (0.0, -0.1246, 0.1246)),
        ((0, 5, 7, 0), (-1 / 6, -0.6135, 0.3610)),
    ],
    ids=["some differ", "none differs", "all differ"],
)
def test_a_paired_difference_has_width_whatever_the_counts(counts, expected):
    found = paired_difference(*counts)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-4)
    both, first_only, second_only, neither = counts
    turned = paired_difference(both, second_only, first_only, neither)
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))
