"""Behavior: what a network shows of pictures, held to what another one shows of them."""

from __future__ import annotations

import torch
from torch import Tensor


def behavior_distance(maps: Tensor, source_maps: Tensor, attention: Tensor) -> Tensor:
    """Half the squared distance between two networks' maps [batch, channel, place] of the same pictures, weighted by channel.

    `attention`, float [channel], sums to 1; with equal attention it is half the squared difference summed over channels. No
    gradient reaches the source's maps.

    Reference: Li et al., "DELTA: Deep Learning Transfer using Feature Map with Attention", ICLR 2019, section 3
        (behavior regularization with attention).
    Differs: averaged over pictures and places and multiplied by the number of channels, so that the weight of the loss depends
        neither on the batch nor on the side of the pictures.
    """
    distances = (maps - source_maps.detach()).square().mean(dim=(0, 2))
    return 0.5 * len(attention) * (attention * distances).sum()


def removal_losses(maps: Tensor, gradients: Tensor) -> Tensor:
    """By how much a loss rises, to first order, when a channel of maps [batch, channel, place] is set to zero; float [channel].

    `gradients` are of the loss by the maps. Exact where the loss is linear in the maps.

    Reference: Molchanov et al., "Pruning Convolutional Neural Networks for Resource Efficient Inference", ICLR 2017,
        section 2.2.
    Differs: it keeps its sign, as removing a channel may also help.
    """
    return -(maps * gradients).sum(dim=(0, 2))


def channel_attention(losses: Tensor) -> Tensor:
    """The softmax of what the loss loses by each channel, float [channel]: channels that matter to the task are held more.

    Reference: Li et al., "DELTA", ICLR 2019, section 3 (supervised attention).
    """
    return torch.softmax(losses, dim=0)
