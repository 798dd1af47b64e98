"""Stochastic normalization: batch normalization that draws, channel by channel, whose statistics it uses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm


class StochasticNorm(nn.Module):
    """Batch normalization that normalizes each channel, while it trains, by the batch's or by the moving statistics at random.

    In evaluation it is the layer that it was made of, whose moving statistics go on following the batches.

    Args:
        norm: The layer, with whatever it does after normalizing each value by itself, such as an activation.
        batch_share: Probability of the batch's statistics.

    Reference: Kou et al., "Stochastic Normalization", NeurIPS 2020, section 3.
    """

    def __init__(self, norm: _BatchNorm, batch_share: float) -> None:
        super().__init__()
        self.norm = norm
        self.batch_share = batch_share

    def forward(self, inputs: Tensor) -> Tensor:
        """The normalized inputs, [batch, channel, ...]."""
        if not self.training:
            normalized: Tensor = self.norm(inputs)
            return normalized
        # The layer changes its statistics in place, and the gradient needs those from before.
        before = {name: buffer.clone() for name, buffer in self.norm.named_buffers()}
        by_moving: Tensor = functional_call(self.norm.eval(), before, (inputs,))
        by_batch: Tensor = self.norm.train()(inputs)
        drawn = torch.rand(inputs.shape[1], device=inputs.device) < self.batch_share
        return torch.where(drawn.view(-1, *[1] * (inputs.ndim - 2)), by_batch, by_moving)


def make_stochastic(network: nn.Module, batch_share: float) -> None:
    """Turn every batch normalization below a module into a stochastic one, which keeps its weights and its name."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            setattr(network, name, StochasticNorm(child, batch_share))
        else:
            make_stochastic(child, batch_share)


def make_plain(network: nn.Module) -> None:
    """Turn every stochastic normalization below a module back into the layer that it was made of."""
    for name, child in network.named_children():
        if isinstance(child, StochasticNorm):
            setattr(network, name, child.norm)
        else:
            make_plain(child)
