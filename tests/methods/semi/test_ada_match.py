from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.methods.semi.ada_match import AdaMatch, Shares

TRAIN = logits([0.7, 0.2, 0.1], [0.2, 0.5, 0.3])
WEAK = logits([0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1])
STRONG = logits([0.3, 0.5, 0.2], [0.6, 0.2, 0.2], [0.25, 0.5, 0.25])


def aligned() -> np.ndarray:
    scaled = WEAK.exp().numpy() * TRAIN.exp().numpy().mean(axis=0) / WEAK.exp().numpy().mean(axis=0)
    return scaled / scaled.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.0), (0.125, 0.5 - 0.5 * math.sqrt(0.5)), (0.25, 0.5), (0.5, 1.0), (0.9, 1)]
)
def test_aligned_predictions_count_from_a_share_of_the_labeled_confidence(progress: float, share: float) -> None:
    memory = Shares(0.999, 3).double()
    losses = AdaMatch(unlabeled_weight=2).losses(Scripted(memory), batch(TRAIN, [0, 1], WEAK, STRONG), progress)
    probs = aligned()
    kept = probs.max(axis=1) >= 0.9 * (0.7 + 0.5) / 2
    assert kept.tolist() == [True, False, True]
    expected = -(probs * STRONG.numpy()).sum(axis=1)[kept].sum() / 3
    assert float(losses["ada_match"]) == pytest.approx(2 * share * expected)
    assert float(losses["cross_entropy"]) == pytest.approx(-(math.log(0.7) + math.log(0.5)) / 2)


def test_nothing_is_learned_from_what_sets_targets() -> None:
    train, weak, strong = (tensor.clone().requires_grad_() for tensor in (TRAIN, WEAK, STRONG))
    losses = AdaMatch().losses(Scripted(Shares(0.999, 3).double()), batch(train, [0, 1], weak, strong), 1.0)
    losses["ada_match"].backward()
    assert weak.grad is None
    assert train.grad is None or not bool(train.grad.any())
    assert strong.grad is not None
    assert [bool(row.any()) for row in strong.grad] == [True, False, True]


def test_shares_run_over_the_steps() -> None:
    memory = Shares(0.5, 2).double()
    even, skewed = torch.tensor([[0.5, 0.5]]).double(), torch.tensor([[0.8, 0.2]]).double()
    memory(even, skewed)
    found = memory(skewed, even)
    labeled, unlabeled = (0.5 * np.array([0.5, 0.5]) + [0.8, 0.2]) / 1.5, (0.5 * np.array([0.8, 0.2]) + [0.5, 0.5]) / 1.5
    expected = 0.5 * labeled / unlabeled
    np.testing.assert_allclose(found[0], expected / expected.sum())
