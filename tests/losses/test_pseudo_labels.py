from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.losses.pseudo_labels import confident_targets, sharpened

PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9]])


def test_rows_below_the_threshold_have_no_target() -> None:
    assert confident_targets(PROBS, 0.5).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert confident_targets(PROBS).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_row_at_the_threshold_counts() -> None:
    assert confident_targets(torch.tensor([[0.25, 0.75]]), 0.75).tolist() == [[0, 1]]


def test_each_class_has_its_threshold() -> None:
    found = confident_targets(PROBS, torch.tensor([0.8, 0.35, 0.95]))
    assert found.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("make", [lambda probs: confident_targets(probs, 0.5), lambda probs: sharpened(probs, 0.5)])
def test_targets_keep_type_and_carry_no_gradient(make) -> None:
    probs = PROBS.double().requires_grad_()
    found = make(probs)
    assert found.dtype == torch.float64
    assert not found.requires_grad


def test_sharpening_by_hand() -> None:
    found = sharpened(PROBS[:1], 0.5)
    np.testing.assert_allclose(found, np.array([[0.49, 0.04, 0.01]]) / 0.54, rtol=1e-6)


def test_sharpening_leaves_zeros_and_sure_rows() -> None:
    found = sharpened(torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]), 0.1)
    np.testing.assert_allclose(found, [[1, 0, 0], [0.5, 0.5, 0]])


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 1))
def test_sharpening_gives_probabilities_in_the_same_order_and_no_less_sure(seed: int, temperature: float) -> None:
    probs = np.random.default_rng(seed).dirichlet(np.ones(5), 7)
    found = sharpened(torch.from_numpy(probs), temperature).numpy()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == probs.argmax(axis=1)).all()
    assert (found.max(axis=1) >= probs.max(axis=1) - 1e-12).all()
    np.testing.assert_allclose(sharpened(torch.from_numpy(probs), 1.0), probs)
