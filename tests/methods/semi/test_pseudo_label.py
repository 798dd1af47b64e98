from __future__ import annotations

import math

import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.methods.semi.pseudo_label import PseudoLabel

TRAIN = logits([0.7, 0.2, 0.1])
POOL = logits([0.5, 0.3, 0.2], [0.1, 0.3, 0.6])


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.0), (0.35, 0.5), (0.6, 1.0), (0.9, 1.0)])
def test_the_likeliest_class_is_the_label_with_growing_weight(progress: float, share: float) -> None:
    losses = PseudoLabel(unlabeled_weight=3).losses(Scripted(), batch(TRAIN, [1], POOL), progress)
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.2))
    assert float(losses["pseudo_label"]) == pytest.approx(3 * share * -(math.log(0.5) + math.log(0.6)) / 2)


def test_the_gradient_is_that_of_cross_entropy_with_the_pseudo_label() -> None:
    pool = POOL.clone().requires_grad_()
    PseudoLabel(unlabeled_weight=1).losses(Scripted(), batch(TRAIN, [1], pool), 1.0)["pseudo_label"].backward()
    expected = (POOL.exp() - torch.tensor([[1, 0, 0], [0, 0, 1]])) / 2
    torch.testing.assert_close(pool.grad, expected)
