"""What changed between two domains: nothing, class shares, or the features."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.features.shift_kind import nearest_shares, shift_kind

CENTERS = np.random.default_rng(11).normal(size=(3, 7)) * 2.0 + 5.0


def rows(labels: np.ndarray, seed: int) -> np.ndarray:
    return CENTERS[labels] + np.random.default_rng(seed).normal(size=(len(labels), CENTERS.shape[1]))


def labels(shares: tuple[float, ...], num: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, num, p=shares)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_of_one_domain_pass_for_one(seed):
    here, there = labels((0.3, 0.5, 0.2), 211, seed), labels((0.3, 0.5, 0.2), 173, seed + 50)
    found = shift_kind(rows(here, seed + 10), here, rows(there, seed + 20), 3, seed)
    assert found.kind == "none"
    assert found.sentence == f"Source and target pass for one domain (p = {found.p_value:.2g})."


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_class_shares_are_recognized_and_found(seed):
    here, there = labels((0.3, 0.5, 0.2), 311, seed), labels((0.75, 0.05, 0.2), 273, seed + 50)
    found = shift_kind(rows(here, seed + 10), here, rows(there, seed + 20), 3, seed)
    assert found.kind in {"labels", "either"}
    np.testing.assert_allclose(found.shares, np.bincount(there) / len(there), atol=0.04)
    assert "nothing but its class shares" in found.sentence


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_features_that_moved_are_not_taken_for_other_shares(seed):
    here, there = labels((0.3, 0.5, 0.2), 211, seed), labels((0.3, 0.5, 0.2), 173, seed + 50)
    found = shift_kind(rows(here, seed + 10), here, rows(there, seed + 20) * 0.8 + 1.5, 3, seed)
    assert found.kind == "features"
    assert found.label_ratio > 3 > found.feature_ratio
    assert "no shares of the source's classes explain it" in found.sentence


def test_a_class_without_source_rows_has_no_share():
    here, there = labels((0.4, 0.6, 0.0), 101, 1), labels((0.4, 0.6, 0.0), 97, 2)
    assert shift_kind(rows(here, 3), here, rows(there, 4), 3, 0).shares[2] == 0.0


def test_nearest_shares_solve_the_mixture_and_stay_on_the_simplex():
    means = np.eye(3, 5)
    np.testing.assert_allclose(nearest_shares(means, np.array([0.2, 0.5, 0.3]) @ means), [0.2, 0.5, 0.3], atol=1e-9)
    outside = nearest_shares(means, np.array([1.4, -0.4, 0.0, 0.0, 0.0]))
    assert outside.min() >= 0
    assert outside.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(outside, [1.0, 0.0, 0.0], atol=1e-3)
