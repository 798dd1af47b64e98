from __future__ import annotations

import numpy as np
import pytest
from scripted import Scripted, batch, logits

from headstart.methods.semi.uda import UDA

TRAIN = logits([0.7, 0.2, 0.1])
WEAK = logits([0.85, 0.1, 0.05], [0.1, 0.3, 0.6])
STRONG = logits([0.3, 0.5, 0.2], [0.1, 0.2, 0.7])


def test_confident_rows_follow_the_sharpened_weak_prediction() -> None:
    losses = UDA(unlabeled_weight=2).losses(Scripted(), batch(TRAIN, [2], WEAK, STRONG), 0.0)
    sharp = np.array([0.85, 0.1, 0.05]) ** 2.5
    sharp /= sharp.sum()
    assert float(losses["cross_entropy"]) == pytest.approx(-np.log(0.1))
    assert float(losses["uda"]) == pytest.approx(2 * -(sharp * np.log([0.3, 0.5, 0.2])).sum() / 2)


def test_no_row_is_left_out_without_a_threshold() -> None:
    losses = UDA(threshold=0, temperature=1).losses(Scripted(), batch(TRAIN, [2], WEAK, STRONG), 0.0)
    expected = -(WEAK.exp() * STRONG).sum(dim=1).mean()
    assert float(losses["uda"]) == pytest.approx(float(expected))


def test_targets_carry_no_gradient() -> None:
    weak, strong = WEAK.clone().requires_grad_(), STRONG.clone().requires_grad_()
    UDA().losses(Scripted(), batch(TRAIN, [2], weak, strong), 0.0)["uda"].backward()
    assert weak.grad is None
    assert strong.grad is not None
    assert bool((strong.grad[0] != 0).all())
    assert bool((strong.grad[1] == 0).all())
