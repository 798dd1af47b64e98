from __future__ import annotations

import numpy as np
import torch

from headstart.losses.group_dro import group_weights


def test_by_hand() -> None:
    weights = group_weights(torch.tensor([0.5, 0.25, 0.25]), torch.tensor([1.0, 3.0, 0.0], requires_grad=True), 0.1)
    raw = np.array([0.5 * np.exp(0.1), 0.25 * np.exp(0.3), 0.25])
    np.testing.assert_allclose(weights, raw / raw.sum(), rtol=1e-6)
    assert not weights.requires_grad


def test_equal_losses_leave_them() -> None:
    before = torch.tensor([0.7, 0.2, 0.1])
    torch.testing.assert_close(group_weights(before, torch.full((3,), 2.0), 5.0), before)


def test_a_step_of_zero_leaves_them_and_many_steps_find_the_worst() -> None:
    weights = torch.full((3,), 1 / 3)
    torch.testing.assert_close(group_weights(weights, torch.tensor([1.0, 2.0, 3.0]), 0.0), weights)
    for _ in range(100):
        weights = group_weights(weights, torch.tensor([1.0, 2.0, 3.0]), 0.5)
    assert weights.argmax() == 2
    assert float(weights[2]) > 0.99
