"""Batch spectral penalization: the strongest directions of a batch of features held down."""

from __future__ import annotations

import torch
from torch import Tensor


def batch_spectral_penalization(features: Tensor, num_largest: int) -> Tensor:
    """The sum of the largest squared singular values, k in the paper, of a batch of features [batch, feature].

    Adversarial training lets few directions dominate, which are the easiest to align, and the others tell classes apart.

    Reference: Chen et al., "Transferability vs. Discriminability: Batch Spectral Penalization for Adversarial Domain Adaptation",
        ICML 2019, section 4.
    """
    # The values alone have a gradient everywhere; that of the vectors does not exist where two values are equal.
    values: Tensor = torch.linalg.svdvals(features.float())
    return values[:num_largest].square().sum()
