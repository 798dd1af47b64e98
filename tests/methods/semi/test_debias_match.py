from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.methods.semi.debias_match import DebiasMatch
from headstart.training.running_mean import RunningMean

TRAIN = logits([0.7, 0.2, 0.1])
WEAK = logits([0.96, 0.03, 0.01], [0.9, 0.05, 0.05], [0.02, 0.93, 0.05])
STRONG = logits([0.3, 0.5, 0.2], [0.6, 0.2, 0.2], [0.25, 0.5, 0.25])
MEAN = np.array([1.88, 1.01, 0.11]) / 3


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_favor_is_taken_from_weak_views_and_added_to_strong_ones(strength: float) -> None:
    memory = RunningMean(0.999, (3,)).double()
    method = DebiasMatch(unlabeled_weight=2, strength=strength, threshold=0.8)
    losses = method.losses(Scripted(memory), batch(TRAIN, [0], WEAK, STRONG), 0.0)
    freed = WEAK.exp().numpy() / MEAN**strength
    freed /= freed.sum(axis=1, keepdims=True)
    margin = STRONG.exp().numpy() * MEAN**strength
    margin /= margin.sum(axis=1, keepdims=True)
    rows = np.flatnonzero(freed.max(axis=1) >= 0.8)
    expected = -np.log(margin[rows, freed[rows].argmax(axis=1)]).sum() / 3
    assert len(rows) == {0.0: 3, 0.5: 2, 1.0: 1}[strength]
    assert float(losses["debias_match"]) == pytest.approx(2 * expected)
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.7))


def test_the_mean_runs_over_steps_and_carries_no_gradient() -> None:
    memory = RunningMean(0.5, (3,)).double()
    weak, strong = WEAK.clone().requires_grad_(), STRONG.clone().requires_grad_()
    for _ in range(2):
        DebiasMatch().losses(Scripted(memory), batch(TRAIN, [0], weak, strong), 0.0)
    np.testing.assert_allclose(memory.total / memory.weight, MEAN)
    DebiasMatch(threshold=0).losses(Scripted(memory), batch(TRAIN, [0], weak, strong), 0.0)["debias_match"].backward()
    assert weak.grad is None
    assert strong.grad is not None


def test_a_class_that_is_never_predicted_leaves_the_loss_finite() -> None:
    never = torch.tensor([[0.0, 0.0, -1e4]])
    losses = DebiasMatch(threshold=0).losses(Scripted(RunningMean(0.9, (3,))), batch(never, [0], never, never.clone()), 0.0)
    assert bool(losses["debias_match"].isfinite())
