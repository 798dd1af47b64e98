from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.evaluation.compare import compare, mcnemar, share_of_differing


def two_class(names, labels, right_probability, groups=None):
    probs = np.empty((len(labels), 2))
    probs[np.arange(len(labels)), labels] = right_probability
    probs[np.arange(len(labels)), 1 - labels] = 1 - np.asarray(right_probability)
    return Predictions(tuple(names), ("no", "yes"), labels, probs, probs, np.arange(len(labels)) if groups is None else groups)


def test_exact_p_gives_the_published_value():
    assert round(mcnemar(3, 12), 6) == 0.035156
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(("first", "second"), [(0, 1), (5, 5), (7, 2), (31, 12)])
def test_exact_p_agrees_with_the_binomial_test_and_is_symmetric(first, second):
    assert mcnemar(first, second) == pytest.approx(binomtest(first, first + second).pvalue)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_a_better_model_wins_and_the_order_flips_signs(make_predictions):
    weak = make_predictions(0, (101, 53), skill=0.7)
    rng = np.random.default_rng(1)
    names = weak.names
    good = two_class(names, weak.labels, np.clip(rng.normal(0.9, 0.1, 154), 0.3, 0.99))
    good = replace(good, classes=weak.classes)
    there, back = compare(good, weak, 0), compare(weak, good, 0)
    assert there.significant
    assert not back.significant
    assert there.lower_bound > 0 > back.lower_bound
    assert there.accuracy_gain.value == -back.accuracy_gain.value
    assert there.log_loss_gain.low <= there.lower_bound
    assert there.num_rows == 154


def test_rows_are_matched_by_name_and_unlabeled_rows_left_out(make_predictions):
    first = make_predictions(0, (23, 31))
    turned = first.take(np.random.default_rng(2).permutation(54)[:37])
    paired = compare(first, turned, 0)
    assert paired.num_rows == 37
    assert paired.accuracy_gain.value == paired.log_loss_gain.value == 0.0
    assert not paired.significant
    labels = first.labels.copy()
    labels[:11] = -1
    assert compare(replace(first, labels=labels), replace(first, labels=labels), 0).num_rows == 43


def test_few_rows_that_all_change_or_never_do_leave_the_interval_wide():
    """All three rows of a class are lost and the nine of the others kept; or all twelve kept, with other probabilities."""
    names, labels = [f"{row}" for row in range(12)], np.repeat([0, 1], [3, 9])
    sure = two_class(names, labels, np.full(12, 0.9))
    lost, unsure = (two_class(names, labels, share) for share in (np.where(labels == 0, 0.2, 0.9), np.full(12, 0.7)))
    fall = compare(lost, sure, 0).accuracy_gain
    assert (fall.value, round(fall.low, 3), round(fall.high, 3)) == (-0.25, -0.532, 0.041)
    in_groups = [replace(one, groups=np.arange(12) // 3) for one in (lost, sure)]
    assert compare(*in_groups, 0).accuracy_gain.low <= fall.low
    kept = compare(unsure, sure, 0).accuracy_gain
    assert (kept.value, round(kept.low, 3), round(kept.high, 3)) == (0.0, -0.242, 0.242)
    assert compare(sure, sure, 0).accuracy_gain.low == compare(sure, sure, 0).accuracy_gain.high == 0.0


def test_groups_widen_the_interval():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 40)
    shares = rng.uniform(0.2, 0.9, (2, 40))
    rows = np.repeat(np.arange(40), 7)
    names = [f"{row}" for row in range(280)]
    one, two = (two_class(names, labels[rows], share[rows]) for share in shares)
    plain, grouped = compare(one, two, 0), compare(replace(one, groups=rows), replace(two, groups=rows), 0)
    width = plain.log_loss_gain.high - plain.log_loss_gain.low
    assert grouped.log_loss_gain.high - grouped.log_loss_gain.low > 2 * width


def test_one_group_alone_proves_nothing():
    labels, groups = np.array([0, 1, 0]), np.zeros(3, np.int64)
    paired = compare(two_class("abc", labels, [0.9] * 3, groups), two_class("abc", labels, [0.6] * 3, groups), 0)
    assert not paired.significant


def test_the_seed_decides_the_draws(make_predictions):
    first, second = make_predictions(0, (23, 31)), make_predictions(0, (23, 31), sharpness=0.5)
    assert compare(first, second, 7) == compare(first, second, 7)
    assert compare(first, second, 7) != compare(first, second, 8)


def test_other_classes_are_refused(make_predictions):
    first = make_predictions(0, (23, 31))
    with pytest.raises(DataError) as caught:
        compare(first, replace(first, classes=("class 0", "cat")), 0)
    assert str(caught.value) == "The two models know different classes (cat, class 1). Compare models of one task."
    with pytest.raises(DataError) as caught:
        compare(first, replace(first, classes=first.classes[::-1]), 0)
    assert str(caught.value) == (
        "The two models know different classes (the same classes in another order). Compare models of one task."
    )


def test_nothing_shared_is_refused(make_predictions):
    first = make_predictions(0, (2, 3))
    with pytest.raises(DataError) as caught:
        compare(first, replace(first, names=tuple("vwxyz")), 0)
    assert str(caught.value) == "The two models share none of their 5 and 5 labeled images. Evaluate both on one set."


def test_the_share_of_differing_rows_counts_shared_rows_whether_they_are_labeled_or_not():
    first = two_class("abcde", np.array([0, 1, 0, 0, 1]), [0.9, 0.9, 0.9, 0.2, 0.9])
    second = two_class("excdb", np.array([1, 0, 0, 0, 1]), [0.9, 0.9, 0.2, 0.2, 0.9])
    first = replace(first, labels=np.array([0, 1, -1, -1, 1]))
    assert share_of_differing(first, second) == 0.25
    with pytest.raises(DataError) as caught:
        share_of_differing(first, replace(second, names=tuple("vwxyz")))
    assert str(caught.value) == "The two models share none of their 5 and 5 images. Predict the same images."


def test_contradicting_labels_are_refused():
    one = two_class(["cup.png", "dog.png"], np.array([0, 1]), [0.9, 0.9])
    with pytest.raises(DataError) as caught:
        compare(one, two_class(["cup.png", "dog.png"], np.array([0, 0]), [0.9, 0.9]), 0)
    assert str(caught.value) == "dog.png is labeled yes in one and no in the other. Evaluate both on one set."


@pytest.mark.slow
def test_equal_models_have_at_most_six_false_winners_in_a_hundred(monkeypatch):
    monkeypatch.setattr("headstart.evaluation.compare.DRAWS", 1_000)
    rng, false = np.random.default_rng(11), 0
    names = [str(row) for row in range(100)]
    for seed in range(1000):
        labels = rng.integers(0, 2, 100)
        margin = rng.normal(1.0, 1.0, 100)
        one, two = (two_class(names, labels, 1 / (1 + np.exp(-margin - rng.normal(0, 0.7, 100)))) for _ in range(2))
        false += compare(one, two, seed).significant
    assert 25 <= false <= 60
