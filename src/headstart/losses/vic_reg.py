"""VICReg's terms against collapse: every dimension must vary, and no two may say the same."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

EPSILON = 1e-4
"""Keeps the square root's gradient finite where a dimension does not vary (Bardes et al., section 4.1)."""


def variance_hinge(embeddings: Tensor) -> Tensor:
    """How far the dimensions' standard deviations stay below 1, on average.

    Args:
        embeddings: float [batch, feature], two rows at least.

    Returns:
        float [], 0 where every dimension varies enough.

    Reference: Bardes et al., "VICReg", ICLR 2022, eqs. 1-2.
    """
    return functional.relu(1 - (embeddings.var(dim=0) + EPSILON).sqrt()).mean()


def covariance_penalty(embeddings: Tensor) -> Tensor:
    """The sum of the squared covariances of different dimensions, divided by the number of dimensions.

    Args:
        embeddings: float [batch, feature], two rows at least.

    Returns:
        float [], 0 where no two dimensions are correlated.

    Reference: Bardes et al., "VICReg", ICLR 2022, eqs. 3-4.
    """
    centered = embeddings - embeddings.mean(dim=0)
    squares = (centered.T @ centered / (len(embeddings) - 1)).square()
    return (squares.sum() - squares.diagonal().sum()) / embeddings.shape[1]
