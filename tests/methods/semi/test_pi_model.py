from __future__ import annotations

import math

import pytest
from scripted import Scripted, batch, logits

from headstart.methods.semi.pi_model import PiModel

TRAIN = logits([0.7, 0.2, 0.1])
ONE = logits([0.5, 0.3, 0.2], [0.1, 0.3, 0.6])
OTHER = logits([0.4, 0.4, 0.2], [0.1, 0.2, 0.7])


@pytest.mark.parametrize(("progress", "share"), [(0.0, math.exp(-5)), (0.135, math.exp(-1.25)), (0.27, 1.0), (0.8, 1.0)])
def test_two_views_are_to_agree_with_growing_weight(progress: float, share: float) -> None:
    losses = PiModel().losses(Scripted(), batch(TRAIN, [0], ONE, OTHER), progress)
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.7))
    assert float(losses["consistency"]) == pytest.approx(10 * share * 4 * 0.01 / 6)


def test_both_views_move_towards_each_other() -> None:
    one, other = ONE.clone().requires_grad_(), OTHER.clone().requires_grad_()
    PiModel().losses(Scripted(), batch(TRAIN, [0], one, other), 1.0)["consistency"].backward()
    assert one.grad is not None
    assert other.grad is not None
    assert one.grad[0, 0] > 0 > other.grad[0, 0]
    assert one.grad[1, 2] < 0 < other.grad[1, 2]
