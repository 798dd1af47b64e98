"""Masked distance: how far a reconstruction is off where the picture was hidden."""

from __future__ import annotations

from torch import Tensor


def masked_distance(predicted: Tensor, wanted: Tensor, hidden: Tensor) -> Tensor:
    """Mean absolute difference of pictures [batch, channel, height, width] over the hidden places [batch, 1, height, width].

    Some place must be hidden.

    Reference: Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", CVPR 2022, eq. 1.
    """
    differences = (predicted - wanted).abs().mean(dim=1, keepdim=True)
    return (differences * hidden).sum() / hidden.sum()
