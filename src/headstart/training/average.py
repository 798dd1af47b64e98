"""The running average of a learner's weights, which is what gets deployed."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of every floating parameter and buffer; integers are copied.

    The decay grows from 0.1 to its value over the first steps, min(decay, (1 + k) / (10 + k)) at step k, so that the random
    start is forgotten. PyTorch's `AveragedModel` copies the weights of the first step instead, and averages integers too.

    Reference: Polyak & Juditsky, SIAM J. Control Optim. 1992, for averaging; the growing decay is that of TensorFlow's
    `ExponentialMovingAverage`.

    Args:
        learner: What is averaged.
        decay: In [0, 1); 0 keeps the latest weights, and no copy of them.
    """

    def __init__(self, learner: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {}
        if decay > 0:
            self.state = {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}

    @torch.no_grad()
    def update(self, learner: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        if not self.state:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in learner.state_dict().items():
            if tensor.dtype.is_floating_point:
                self.state[name].lerp_(tensor, 1 - decay)
            else:
                self.state[name].copy_(tensor)

    def write_to(self, learner: nn.Module) -> None:
        """Give the learner the averaged weights."""
        if self.state:
            learner.load_state_dict(self.state)
