"""Batch spectral shrinkage: the weakest directions of a batch of features held down."""

from __future__ import annotations

import torch
from torch import Tensor


def batch_spectral_shrinkage(features: Tensor, num_smallest: int) -> Tensor:
    """The sum of the smallest squared singular values, k in the paper, of a batch of features [batch, feature].

    Zero when the rows lie in a space of as many dimensions fewer, as where a row is repeated.

    Reference: Chen et al., "Catastrophic Forgetting Meets Negative Transfer", NeurIPS 2019, section 4.
    """
    # The values alone have a gradient everywhere; that of the vectors does not exist where two values are equal.
    values: Tensor = torch.linalg.svdvals(features.float())
    return values[-num_smallest:].square().sum()
