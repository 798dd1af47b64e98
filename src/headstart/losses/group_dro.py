"""GroupDRO: weights of domains that follow the worst."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def group_weights(weights: Tensor, losses: Tensor, step: float) -> Tensor:
    """The weights [domain] times exp(step x loss), normalized, without a gradient: domains with large losses gain.

    `step` is how fast weights move, eta in the paper.

    Reference: Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020, algorithm 1.
    """
    return torch.softmax(weights.log() + step * losses, dim=0)
