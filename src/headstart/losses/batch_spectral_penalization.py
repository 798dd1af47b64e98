"""Batch spectral penalization: the strongest directions of a batch of features held down."""

from __future__ import annotations

import torch
from torch import Tensor


def batch_spectral_penalization(features: Tensor, num_largest: int) -> Tensor:
    """The sum of the largest squared singular values of a batch of features.

    Adversarial training lets few directions dominate, which are the easiest to align, and the others tell classes apart.

    Args:
        features: float [batch, feature].
        num_largest: How many singular values are summed, k in the paper; all where there are fewer.

    Returns:
        The loss, float [].

    Reference: Chen et al., "Transferability vs. Discriminability: Batch Spectral Penalization for Adversarial Domain Adaptation",
        ICML 2019, section 4.
    """
    # The values alone have a gradient everywhere; that of the vectors does not exist where two values are equal.
    values: Tensor = torch.linalg.svdvals(features.float())
    return values[:num_largest].square().sum()
