"""GroupDRO: weights of domains that follow the worst."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def group_weights(weights: Tensor, losses: Tensor, step: float) -> Tensor:
    """The weights times exp(step x loss), normalized: domains with large losses gain.

    Args:
        weights: float [domain], summing to 1.
        losses: float [domain].
        step: How fast weights move, eta in the paper.

    Returns:
        float [domain], summing to 1, without a gradient.

    Reference: Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020, algorithm 1.
    """
    return torch.softmax(weights.log() + step * losses, dim=0)
