"""Episodic heads: from a few support rows a class to the logits of queries, differentiable, many episodes at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def prototypes(support: Tensor, targets: Tensor) -> Tensor:
    """The mean support row of each class.

    Args:
        support: float [..., shot row, feature]; leading axes are episodes.
        targets: float [..., shot row, way], one-hot.

    Returns:
        float [..., way, feature].

    Reference: Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017, eq. 1.
    """
    shares = targets / targets.sum(dim=-2, keepdim=True).clamp(min=1)
    return torch.einsum("...nw,...nf->...wf", shares, support)


def distance_logits(query: Tensor, centers: Tensor) -> Tensor:
    """Minus the squared distance of each query to each center.

    Args:
        query: float [..., query row, feature].
        centers: float [..., way, feature].

    Returns:
        float [..., query row, way].

    Reference: Snell, Swersky & Zemel, NeurIPS 2017, eq. 2 and section 2.7 (squared Euclidean distance).
    """
    inner = torch.einsum("...qf,...wf->...qw", query, centers)
    return 2 * inner - (centers**2).sum(dim=-1)[..., None, :] - (query**2).sum(dim=-1)[..., None]


def cosine_logits(query: Tensor, centers: Tensor, scale: Tensor | float) -> Tensor:
    """The cosine of each query with each center, times a scale.

    Args:
        query: float [..., query row, feature].
        centers: float [..., way, feature].
        scale: Inverse temperature.

    Returns:
        float [..., query row, way].

    Reference: Chen et al., "Meta-Baseline: Exploring Simple Meta-Learning for Few-Shot Learning", ICCV 2021, eq. 3.
    """
    unit_query, unit_centers = functional.normalize(query, dim=-1), functional.normalize(centers, dim=-1)
    return scale * torch.einsum("...qf,...wf->...qw", unit_query, unit_centers)


def ridge_weights(support: Tensor, targets: Tensor, penalty: Tensor | float) -> Tensor:
    """Ridge regression of targets on support rows, solved among the rows: X' (X X' + penalty I)^-1 Y.

    The side of the system is the number of support rows, however wide they are, and gradients flow through the solution.

    Args:
        support: float [..., shot row, feature].
        targets: float [..., shot row, way].
        penalty: Above 0.

    Returns:
        float [..., feature, way].

    Reference: Bertinetto et al., "Meta-learning with differentiable closed-form solvers", ICLR 2019, eqs. 4-5.
    """
    gram = support @ support.transpose(-1, -2)
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    dual: Tensor = torch.linalg.solve(gram + penalty * identity, targets)
    return support.transpose(-1, -2) @ dual


def episode_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of all queries of all episodes.

    Args:
        logits: float [episode, query row, way].
        labels: int64 [query row], the same in every episode.

    Returns:
        The loss in nats, float [].
    """
    return functional.cross_entropy(logits.flatten(0, -2), labels.repeat(logits[..., 0, 0].numel()))
