"""Running means over steps, in buffers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """An exponential running mean, corrected for its beginning: after the first value it is that value.

    Its state lies in buffers, so that checkpoints hold it when it is part of a classifier's `extra`.

    Args:
        decay: Of older values a step, in [0, 1).
        shape: Of the values.

    Reference: Kingma & Ba, "Adam", ICLR 2015, section 3 (the correction).
    """

    total: Tensor
    weight: Tensor

    def __init__(self, decay: float, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("total", torch.zeros(shape))
        self.register_buffer("weight", torch.zeros(()))

    @torch.no_grad()
    def forward(self, value: Tensor) -> Tensor:
        """The mean of all values so far and this one, which it takes in."""
        self.total.lerp_(value, 1 - self.decay)
        self.weight.lerp_(torch.ones_like(self.weight), 1 - self.decay)
        return self.total / self.weight
