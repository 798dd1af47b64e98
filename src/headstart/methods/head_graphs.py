"""Heads as parts of a graph: the same formulas as in `heads`, on tensors. Each head says by `graph` which one is its own.

Products with features are float32, as in the heads themselves; scores and what is exponentiated are float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.types import Floats
from headstart.features.graph_features import Constants, GraphFeatures, unit
from headstart.heads.neighbor_graph import SMOOTHING


class SimilarityGraph(nn.Module):
    """exp(-gamma |row - landmark|^2) times a weight plus a bias, float64.

    Args:
        rows: Features to rows.
        landmarks: [landmark, feature].
        gamma: One over the kernel's squared width.
        weight: [landmark, class].
        bias: [class]; None adds nothing.
    """

    def __init__(self, rows: nn.Module, landmarks: Floats, gamma: float, weight: Floats, bias: Floats | None = None) -> None:
        super().__init__()
        self.rows = rows
        self.gamma = gamma
        squares = (np.asarray(landmarks, np.float64) ** 2).sum(axis=1)
        offset = np.zeros(weight.shape[1]) if bias is None else bias
        self.constants = Constants(landmarks, squares, np.asarray(weight, np.float64), np.asarray(offset, np.float64))

    def forward(self, features: GraphFeatures) -> Tensor:
        """The scores, float64 [sample, class]."""
        landmarks, squares, weight, bias = self.constants.tensors
        rows = self.rows(features).to(landmarks.dtype)
        products = (rows @ landmarks.T).double()
        wide = rows.double()
        distances = (wide * wide).sum(dim=1, keepdim=True) + squares - 2.0 * products
        return torch.exp(-self.gamma * distances.clamp(min=0.0)) @ weight + bias


class NeighborsGraph(nn.Module):
    """The log of the smoothed share of each class among the k nearest rows.

    Args:
        rows: Features to rows.
        known: Unit-length training rows, [training sample, feature].
        labels: [training sample].
        num_neighbors: k.
        num_classes: C.
    """

    def __init__(self, rows: nn.Module, known: Floats, labels: Floats, num_neighbors: int, num_classes: int) -> None:
        super().__init__()
        self.rows = rows
        self.num_neighbors = num_neighbors
        self.num_classes = num_classes
        self.constants = Constants(known, np.eye(num_classes)[labels.astype(np.int64)])

    def forward(self, features: GraphFeatures) -> Tensor:
        """The scores, float64 [sample, class]."""
        known, shares = self.constants.tensors
        counts = nearest(unit(self.rows(features)) @ known.T, self.num_neighbors) @ shares
        return torch.log((counts + 1.0 / self.num_classes) / (self.num_neighbors + 1.0))


class WeightedNeighborsGraph(nn.Module):
    """The log of the mean class probabilities of the nearest rows, weighted by the cube of the cosine.

    Args:
        rows: Features to rows.
        known: Unit-length rows, [graph row, axis].
        probs: [graph row, class].
        num_neighbors: How many are asked.
    """

    def __init__(self, rows: nn.Module, known: Floats, probs: Floats, num_neighbors: int) -> None:
        super().__init__()
        self.rows = rows
        self.num_neighbors = min(num_neighbors, len(known))
        self.constants = Constants(known, np.asarray(probs, np.float64))

    def forward(self, features: GraphFeatures) -> Tensor:
        """The scores, float64 [sample, class]."""
        known, probs = self.constants.tensors
        cosines = unit(self.rows(features).float()) @ known.T
        weights = nearest(cosines, self.num_neighbors) * cosines.double().clamp(min=0.0) ** 3
        total = weights @ probs
        mass = weights.sum(dim=1, keepdim=True)
        num_classes = probs.shape[1]
        mean = torch.where(mass > 0, total / mass.clamp(min=1e-300), torch.full_like(total, 1.0 / num_classes))
        return torch.log((1.0 - SMOOTHING) * mean + SMOOTHING / num_classes)


class MeanGraph(nn.Module):
    """The log of the mean of several heads' probabilities.

    Args:
        heads: What is averaged.
        temperatures: Each one's own.
    """

    def __init__(self, heads: Sequence[nn.Module], temperatures: Sequence[float]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.temperatures = tuple(temperatures)

    def forward(self, features: GraphFeatures) -> Tensor:
        """The scores, float64 [sample, class]."""
        pairs = zip(self.heads, self.temperatures, strict=True)
        logs = [torch.log_softmax(head(features) / temperature, dim=1) for head, temperature in pairs]
        return torch.logsumexp(torch.stack(logs), dim=0) - float(np.log(len(logs)))


def nearest(cosines: Tensor, num: int) -> Tensor:
    """How much each row counts among the nearest of each sample, float64 [sample, row]: 1 or 0.

    Rows that are as near as the last one, copies of it, share its place. Not by indices, which OpenVINO gathers wrongly behind
    the first sample of a batch.
    """
    least = cosines.topk(num, dim=1).values[:, -1:]
    nearer, last = (cosines > least).double(), (cosines == least).double()
    places = num - nearer.sum(dim=1, keepdim=True)
    return nearer + last * (places / last.sum(dim=1, keepdim=True))
