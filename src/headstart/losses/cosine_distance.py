"""Cosine distance: what a predicted vector lacks to point where it should."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def cosine_distance(predicted: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance between the rows [batch, feature] after each is scaled to length 1: 2 - 2 cosine, in [0, 4].

    Detach `wanted` where it is a target.

    Reference: Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, eq. 2.
    """
    return (2 - 2 * functional.cosine_similarity(predicted, wanted, dim=1)).mean()
