"""Label errors: one ranking of all labels, p-values that hold, and what groups of rows say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from headstart.evaluation.label_errors import LEVEL, assess_labels, group_evidence


def drawn(num=1_009, num_classes=5, sharpness=3.0, seed=0):
    """Probabilities, and labels that follow them."""
    generator = np.random.default_rng(seed)
    probs = softmax(sharpness * generator.normal(size=(num, num_classes)), axis=1)
    return probs, (probs.cumsum(axis=1) > generator.random((num, 1))).argmax(axis=1)


def flipped(labels, share, num_classes, seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(labels))[: round(share * len(labels))]
    wrong = labels.copy()
    wrong[rows] = (labels[rows] + generator.integers(1, num_classes, len(rows))) % num_classes
    return wrong, np.isin(np.arange(len(labels)), rows)


def test_p_values_of_right_labels_are_uniform_or_larger():
    probs, labels = drawn(num=4_001)
    assessed = assess_labels(probs, labels)
    for level in (0.01, 0.05, 0.2):
        assert (assessed.p_values <= level).mean() <= 1.2 * level
    assert assessed.noise < 0.01
    assert assessed.flagged.mean() <= 0.002


@pytest.mark.parametrize("sharpness", [0.5, 2.0])
def test_labels_that_are_hard_to_tell_are_not_flagged(sharpness):
    probs, labels = drawn(sharpness=sharpness, seed=1)
    assert (probs.argmax(axis=1) != labels).mean() > 0.2
    assert assess_labels(probs, labels).flagged.mean() <= 0.002


def test_flipped_labels_come_first_and_the_level_holds():
    probs, labels = drawn(num=3_001, sharpness=12.0)
    given, wrong = flipped(labels, 0.1, 5)
    assessed = assess_labels(probs, given)
    assert assessed.noise == pytest.approx(0.1, abs=0.02)
    assert wrong[assessed.flagged].mean() > 1 - 2 * LEVEL
    assert assessed.flagged[wrong].mean() > 0.5
    first = assessed.order[: wrong.sum() // 2]
    assert wrong[first].mean() > 0.95
    assert (assessed.suggested == labels)[first].mean() > 0.95
    assert assessed.wrong[wrong].mean() > 0.7 > 0.1 > assessed.wrong[~wrong].mean()


def test_the_ranking_follows_p_values_and_flags_a_head_of_it():
    probs, labels = drawn(sharpness=8.0)
    given, _ = flipped(labels, 0.07, 5)
    assessed = assess_labels(probs, given)
    assert sorted(assessed.order.tolist()) == list(range(len(labels)))
    assert (np.diff(assessed.p_values[assessed.order]) >= 0).all()
    flagged = assessed.flagged[assessed.order]
    assert flagged[: flagged.sum()].all()
    assert (assessed.suggested != given).all()


def test_a_neighbor_that_knows_more_counts_more():
    probs, labels = drawn(num=2_003, sharpness=6.0)
    blurred = softmax(log_softmax(np.log(probs), axis=1) + 3 * np.random.default_rng(5).normal(size=probs.shape), axis=1)
    own, neighbors = assess_labels(blurred, labels, probs).weights
    assert neighbors == pytest.approx(1.0, abs=0.2)
    assert own < 0.2


def test_a_label_unlike_that_of_its_copy_is_more_suspicious_where_copies_agree():
    probs, labels = drawn(num=600, sharpness=1.5, seed=3)
    labels = np.repeat(labels[:300], 2)
    probs = np.repeat(probs[:300], 2, axis=0)
    given = labels.copy()
    given[1] = (labels[1] + 1) % 5
    copies = np.repeat(np.arange(300), 2)
    assessed = assess_labels(probs, given, groupings=(copies,))
    assert assessed.adjusted[1] < assess_labels(probs, given).adjusted[1]
    assert set(assessed.order[:2].tolist()) == {0, 1}


def test_groups_whose_rows_differ_as_they_please_say_nothing():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 3_000)
    evidence = group_evidence(labels, generator.integers(0, 300, 3_000), 3)
    assert np.abs(evidence).max() < 0.15


def test_evidence_of_a_group_is_that_of_the_other_rows():
    labels = np.array([0] * 40 + [1] * 41)
    groups = np.concatenate([np.repeat(np.arange(20), 2), np.repeat(np.arange(20, 40), 2), [99]])
    evidence = group_evidence(labels, groups, 2)
    assert (evidence[:40, 0] > 0).all()
    assert (evidence[40:80, 0] < -2).all()
    assert (evidence[80] == 0).all()
    assert np.exp(evidence[0]) @ np.array([41, 42]) / 83 == pytest.approx(1.0)


def test_names_of_classes_do_not_matter():
    probs, labels = drawn(num=401, sharpness=6.0)
    turned = np.array([3, 0, 4, 1, 2])
    assessed, other = assess_labels(probs, labels), assess_labels(probs[:, np.argsort(turned)], turned[labels])
    assert other.p_values == pytest.approx(assessed.p_values, rel=1e-2, abs=1e-6)
