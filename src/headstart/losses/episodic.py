"""Episodic heads: from a few support rows a class to the logits of queries, differentiable, many episodes at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def prototypes(support: Tensor, targets: Tensor) -> Tensor:
    """The mean support row of each class, float [..., way, feature].

    `support` is float [..., shot row, feature] with episodes as leading axes, `targets` float [..., shot row, way], one-hot.

    Reference: Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017, eq. 1.
    """
    shares = targets / targets.sum(dim=-2, keepdim=True).clamp(min=1)
    return torch.einsum("...nw,...nf->...wf", shares, support)


def distance_logits(query: Tensor, centers: Tensor) -> Tensor:
    """Minus the squared distance of each query [..., query row, feature] to each center [..., way, feature].

    Reference: Snell, Swersky & Zemel, NeurIPS 2017, eq. 2 and section 2.7 (squared Euclidean distance).
    """
    inner = torch.einsum("...qf,...wf->...qw", query, centers)
    return 2 * inner - (centers**2).sum(dim=-1)[..., None, :] - (query**2).sum(dim=-1)[..., None]


def cosine_logits(query: Tensor, centers: Tensor, scale: Tensor | float) -> Tensor:
    """The cosine of each query [..., query row, feature] with each center [..., way, feature], times a scale.

    Reference: Chen et al., "Meta-Baseline: Exploring Simple Meta-Learning for Few-Shot Learning", ICCV 2021, eq. 3.
    """
    unit_query, unit_centers = functional.normalize(query, dim=-1), functional.normalize(centers, dim=-1)
    return scale * torch.einsum("...qf,...wf->...qw", unit_query, unit_centers)


def ridge_weights(support: Tensor, targets: Tensor, penalty: Tensor | float) -> Tensor:
    """Ridge regression of targets on support rows, solved among the rows: X' (X X' + penalty I)^-1 Y, float [..., feature, way].

    `support` is float [..., shot row, feature], `targets` float [..., shot row, way], and the penalty above 0. The side of the
    system is the number of support rows, however wide they are, and gradients flow through the solution.

    Reference: Bertinetto et al., "Meta-learning with differentiable closed-form solvers", ICLR 2019, eqs. 4-5.
    """
    gram = support @ support.transpose(-1, -2)
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    dual: Tensor = torch.linalg.solve(gram + penalty * identity, targets)
    return support.transpose(-1, -2) @ dual


def episode_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats of all queries of all episodes.

    `logits` are float [episode, query row, way]; `labels`, int64 [query row], are the same in every episode.
    """
    return functional.cross_entropy(logits.flatten(0, -2), labels.repeat(logits[..., 0, 0].numel()))
