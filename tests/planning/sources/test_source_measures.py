"""Accuracies against chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from headstart.planning.sources.source_measures import agreement_by_chance, p_value_of

RNG = np.random.default_rng(23)


def test_chance_is_that_of_cohen():
    labels = RNG.choice(4, 97, p=[0.6, 0.2, 0.15, 0.05])
    predicted = np.where(RNG.random(97) < 0.5, labels, RNG.integers(0, 4, 97))
    chance, hits = agreement_by_chance(predicted, labels), (predicted == labels).mean()
    assert (hits - chance) / (1 - chance) == pytest.approx(cohen_kappa_score(predicted, labels))


def test_always_the_largest_class_is_at_chance_however_large_it_is():
    labels = np.array([0] * 90 + [1] * 7)
    chance = agreement_by_chance(np.zeros(97, np.int64), labels)
    assert chance == pytest.approx(90 / 97)
    assert p_value_of(90, 97, chance) > 0.4


def test_rare_classes_that_are_predicted_are_above_chance_below_the_largest_share():
    labels = np.array([0] * 70 + [1] * 30)
    predicted = np.array([0] * 35 + [1] * 35 + [1] * 29 + [0])
    chance = agreement_by_chance(predicted, labels)
    assert (predicted == labels).mean() < 0.7
    assert p_value_of(int((predicted == labels).sum()), 100, chance) < 1e-3


def test_the_p_value_is_that_of_the_exact_test():
    assert p_value_of(31, 97, 0.25) == pytest.approx(binomtest(31, 97, 0.25, alternative="greater").pvalue)
    assert p_value_of(0, 5, 0.25) == 1.0
