"""VICReg's terms against collapse: every dimension must vary, and no two may say the same."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

EPSILON = 1e-4
"""Keeps the square root's gradient finite where a dimension does not vary (Bardes et al., section 4.1)."""


def variance_hinge(embeddings: Tensor) -> Tensor:
    """How far the standard deviations of the dimensions of embeddings [batch, feature] stay below 1, on average.

    Two rows at least.

    Reference: Bardes et al., "VICReg", ICLR 2022, eqs. 1-2.
    """
    return functional.relu(1 - (embeddings.var(dim=0) + EPSILON).sqrt()).mean()


def covariance_penalty(embeddings: Tensor) -> Tensor:
    """The sum of the squared covariances of different dimensions of embeddings [batch, feature], over the number of dimensions.

    Two rows at least.

    Reference: Bardes et al., "VICReg", ICLR 2022, eqs. 3-4.
    """
    centered = embeddings - embeddings.mean(dim=0)
    squares = (centered.T @ centered / (len(embeddings) - 1)).square()
    return (squares.sum() - squares.diagonal().sum()) / embeddings.shape[1]
