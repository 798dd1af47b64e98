"""Weighted source rows pass for the target where the weights are right."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.shift.tests.weighted_discrepancy import weighted_discrepancy


def domains(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A source, a target that shows one side of it more often, and the true weights."""
    random = np.random.default_rng(seed)
    source = random.normal(size=(311, 3)) + 2.0
    weights = np.exp(source[:, 0] - 2.5)
    target = random.normal(size=(257, 3)) + 2.0 + np.array([1.0, 0.0, 0.0])
    return source, target, weights


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_true_weights_explain_the_target_and_equal_ones_do_not(seed):
    source, target, weights = domains(seed)
    assert weighted_discrepancy(source, target, weights, seed).ratio < 2.0
    assert weighted_discrepancy(source, target, np.ones(311), seed).ratio > 10.0


def test_the_effective_number_is_that_of_kish():
    source, target, _ = domains(4)
    assert weighted_discrepancy(source, target, np.ones(311), 0).num_effective == pytest.approx(311)
    some = np.zeros(311)
    some[:7] = 3.0
    assert weighted_discrepancy(source, target, some, 0).num_effective == pytest.approx(7)
