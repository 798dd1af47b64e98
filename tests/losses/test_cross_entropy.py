from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from headstart.losses.cross_entropy import soft_cross_entropy


def test_hard_targets_give_cross_entropy_with_its_smoothing() -> None:
    logits, labels = torch.randn(7, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    targets = 0.1 / 5 + 0.9 * functional.one_hot(labels, 5)
    expected = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert float(soft_cross_entropy(logits, targets)) == pytest.approx(float(expected), rel=1e-6)


def test_rows_count_by_their_sum_and_rows_of_zeros_count_nothing() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, -2.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    assert float(soft_cross_entropy(logits, targets)) == pytest.approx(4 * 0.6931471805599453 / 3)
