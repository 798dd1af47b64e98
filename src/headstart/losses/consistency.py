"""Consistency: predictions for variants of a picture agree."""

from __future__ import annotations

from torch import Tensor


def squared_difference(probs: Tensor, targets: Tensor) -> Tensor:
    """Mean over rows and classes of the squared difference of two predictions [batch, class]; at most 2 / class.

    PyTorch's `mse_loss` multiplies its gradient in another order, which changes the last digits of trained weights.

    Reference: Laine & Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017, algorithm 1; Berthelot et al.,
        "MixMatch", NeurIPS 2019, eq. 4.
    """
    return (probs - targets).square().mean()
