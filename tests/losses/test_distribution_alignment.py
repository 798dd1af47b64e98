from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.losses.distribution_alignment import aligned


def test_by_hand() -> None:
    probs = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    wanted, found = torch.tensor([0.25, 0.25, 0.5]), torch.tensor([0.5, 0.25, 0.25])
    expected = np.array([[0.3, 0.3, 0.2], [0.1, 0.2, 1.2]])
    np.testing.assert_allclose(aligned(probs, wanted, found), expected / expected.sum(axis=1, keepdims=True), rtol=1e-6)


def test_it_carries_no_gradient() -> None:
    probs = torch.full((2, 2), 0.5, requires_grad=True)
    assert not aligned(probs, torch.ones(2) / 2, torch.ones(2) / 2).requires_grad


def test_a_class_that_is_wanted_nowhere_is_left_to_the_others_and_one_found_nowhere_stays_finite() -> None:
    probs = torch.tensor([[0.6, 0.4, 0.0]])
    found = aligned(probs, torch.tensor([0.0, 0.5, 0.5]), torch.tensor([0.6, 0.4, 0.0]))
    assert found.tolist() == [[0, 1, 0]]


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_equal_shares_change_nothing_and_a_rarer_class_never_loses(seed: int) -> None:
    draw = np.random.default_rng(seed)
    probs, shares = torch.from_numpy(draw.dirichlet(np.ones(4), 6)), torch.from_numpy(draw.dirichlet(np.ones(4)))
    torch.testing.assert_close(aligned(probs, shares, shares), probs)
    wanted = shares.clone()
    wanted[0] += 0.3
    found = aligned(probs, wanted, shares)
    np.testing.assert_allclose(found.sum(dim=1), 1)
    assert bool((found[:, 0] >= probs[:, 0] - 1e-12).all())
