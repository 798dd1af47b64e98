"""MMD: how far two samples' means lie apart in the feature space of Gaussian kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.losses.distances import squared_distances

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the kernels, as multiples of the median squared distance."""


def mmd(source: Tensor, target: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of rows [source, feature] and [target, feature] under the mean of five Gaussian kernels.

    Zero when both are the same rows, in any order. Small batches of one distribution differ too, by about 2 / batch.

    Reference: Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, eq. 5; Long et al., "Learning Transferable Features with
        Deep Adaptation Networks", ICML 2015, section 3 (several kernels).
    Differs: kernels have equal weights; every pair counts, a row with itself too, in place of the linear-time estimate.
    """
    return mean_difference(gaussian_kernel(torch.cat([source, target])), len(source))


def gaussian_kernel(rows: Tensor, widths: tuple[float, ...] = WIDTHS) -> Tensor:
    """The mean over kernel widths of exp(-squared distance / (width x median)), [sample, sample], of rows [sample, feature].

    The median is that of the squared distances of different rows; no gradient goes through it.
    """
    squares = squared_distances(rows, rows)
    above = torch.triu(torch.ones_like(squares, dtype=torch.bool), diagonal=1)
    median = squares.detach()[above].median().clamp_min(torch.finfo(squares.dtype).tiny)
    return torch.stack([torch.exp(-squares / (width * median)) for width in widths]).mean(dim=0)


def mean_difference(kernel: Tensor, num_source: int) -> Tensor:
    """Mean kernel within source, whose rows come first, plus that within target minus twice that across."""
    within, across = kernel[:num_source, :num_source], kernel[:num_source, num_source:]
    return within.mean() + kernel[num_source:, num_source:].mean() - 2 * across.mean()
