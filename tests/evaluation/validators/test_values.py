"""Values of the validators by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy as entropy_of

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import VALIDATORS

TARGET = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.5, 0.25]])
SOURCE_ONLY = np.array([[0.95, 0.05, 0.0], [0.02, 0.03, 0.95], [0.1, 0.8, 0.1]])
ENSEMBLE = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
HELD = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.1, 0.2, 0.7], [0.1, 0.7, 0.2]])
BY_HAND = ValidatorInputs(
    target_probs=TARGET,
    source_only_probs=SOURCE_ONLY,
    ensemble_probs=ENSEMBLE,
    target_features=np.eye(3),
    held_out_labels=np.array([0, 1, 2, 2]),
    held_out_probs=HELD,
    circular_labels=np.array([0, 1, 2, 1]),
    circular_probs=HELD,
)


def value(name: str, evidence: ValidatorInputs = BY_HAND) -> float:
    return VALIDATORS.get(name)(evidence)


def test_source_accuracy_is_the_share_of_held_rows_that_are_right():
    assert value("source_accuracy") == 0.5


def test_information_maximization_adds_the_entropy_of_the_mean():
    mean = np.array([7 / 12, 4 / 12, 1 / 12])
    assert value("information_maximization") == pytest.approx(float(entropy_of(mean)) - 2.5 * math.log(2) / 3)


def test_circular_is_the_share_of_source_labels_that_come_back():
    assert value("circular") == 0.75


def test_ensv_is_the_agreement_with_the_mean_of_all():
    assert value("ensv") == pytest.approx(2 / 3)


def test_agreement_is_over_rows_of_which_the_unadapted_model_is_confident():
    assert value("agreement") == 0.5
    unsure = replace(BY_HAND, source_only_probs=np.full((3, 3), 1 / 3))
    assert value("agreement", unsure) is None


def test_neighborhood_is_one_for_clusters_and_zero_for_one_class_alone():
    features = np.repeat([[3.0, 0.0], [0.0, 3.0]], [13, 17], axis=0) + np.random.default_rng(0).normal(size=(30, 2)) * 0.01
    clustered = np.repeat([[0.9, 0.1], [0.1, 0.9]], [13, 17], axis=0)
    of_two = replace(BY_HAND, target_probs=clustered, target_features=features)
    assert value("neighborhood", of_two) == pytest.approx(1.0)
    assert value("neighborhood", replace(of_two, target_probs=np.repeat([[0.9, 0.1]], 30, axis=0))) == 0.0


def test_neighborhood_takes_off_what_chance_explains():
    """Ten neighbors among eleven rows are all the others: 3 of one class, 8 of the other agree as often as chance has it."""
    probs = np.repeat([[0.9, 0.1], [0.1, 0.9]], [3, 8], axis=0)
    features = np.random.default_rng(1).normal(size=(11, 4))
    assert value("neighborhood", replace(BY_HAND, target_probs=probs, target_features=features)) == pytest.approx(0.0)


def test_ensv_never_picks_the_worst_of_eight_over_fifty_shifts():
    """Boundaries of eight rotations, fitted to a target that is turned against the source by another one."""
    for seed in range(50):
        random = np.random.default_rng(seed)
        angle, angles = random.uniform(-0.6, 0.6), random.uniform(-1.5, 1.5, 8)
        target = random.normal(size=(151, 2))
        truth = (target @ [np.cos(angle), np.sin(angle)] > 0).astype(np.int64)
        rights = 1 / (1 + np.exp(-4 * target @ np.stack([np.cos(angles), np.sin(angles)])))
        probs = np.stack([1 - rights, rights], axis=2).transpose(1, 0, 2)
        accuracies = [(one.argmax(axis=1) == truth).mean() for one in probs]
        scores = [value("ensv", replace(BY_HAND, target_probs=one, ensemble_probs=probs.mean(axis=0))) for one in probs]
        assert accuracies[int(np.argmax(scores))] > min(accuracies)
