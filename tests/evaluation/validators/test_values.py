"""Values of the validators by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import VALIDATORS, deciding_validators

TARGET = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.5, 0.25]])
BACK = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.1, 0.2, 0.7], [0.1, 0.7, 0.2]])
BY_HAND = ValidatorInputs(
    target_probs=TARGET,
    target_features=np.eye(3),
    source_features=np.zeros((4, 3)),
    source_weights=np.ones(4),
    source_labels=np.array([0, 1, 2, 1]),
    circular_probs=BACK,
)


def value(name: str, evidence: ValidatorInputs = BY_HAND) -> float:
    return VALIDATORS.get(name)(evidence)


def test_circular_is_the_share_of_source_labels_that_come_back():
    assert value("circular") == 0.75


def test_neighborhood_is_one_for_clusters_and_zero_for_one_class_alone():
    features = np.repeat([[3.0, 0.0], [0.0, 3.0]], [13, 17], axis=0) + np.random.default_rng(0).normal(size=(30, 2)) * 0.01
    clustered = np.repeat([[0.9, 0.1], [0.1, 0.9]], [13, 17], axis=0)
    of_two = replace(BY_HAND, target_probs=clustered, target_features=features)
    assert value("neighborhood", of_two) == pytest.approx(1.0)
    assert value("neighborhood", replace(of_two, target_probs=np.repeat([[0.9, 0.1]], 30, axis=0))) == 0.0


def test_neighborhood_takes_off_what_chance_explains():
    """Classes drawn beside the features agree as often as chance has it, on the mean of 60 draws, and with few rows as well."""
    random = np.random.default_rng(1)
    for num in (11, 67):
        found = []
        for _ in range(60):
            probs = np.eye(2)[(random.uniform(size=num) < 0.3).astype(int)]
            found.append(
                value("neighborhood", replace(BY_HAND, target_probs=probs, target_features=random.normal(size=(num, 4))))
            )
        assert np.mean(found) == pytest.approx(0.0, abs=0.1 if num == 11 else 0.02)


def test_deciding_validators_are_those_that_compare_where_no_explanation_suffices():
    assert deciding_validators() == ("circular", "neighborhood")
