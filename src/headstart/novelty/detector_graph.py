"""The novelty detector as part of a graph: the same formulas as in `detector` and `stage_distances`, on tensors."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.types import Booleans, Floats
from headstart.features.graph_features import Constants, GraphFeatures, unit
from headstart.features.representation import blocks_of
from headstart.novelty.stage_distances import LEAST_DISTANCE, StageDistances


class DistancesGraph(nn.Module):
    """`StageDistances.deviations`.

    Args:
        distances: Whose constants are taken.
    """

    def __init__(self, distances: StageDistances) -> None:
        super().__init__()
        self.places = tuple(map(int, distances.places))
        self.scales = tuple(map(float, distances.scales))
        self.means = Constants(*distances.means)
        self.factors = Constants(*distances.factors)
        self.usual = Constants(np.asarray(distances.centers, np.float64), np.asarray(distances.stds, np.float64))

    def forward(self, features: GraphFeatures) -> Tensor:
        """The deviations, float64 [sample]."""
        blocks = cast(Any, blocks_of(cast(Any, features), "stages"))
        early = zip(self.places, self.scales, self.means.tensors, self.factors.tensors, strict=True)
        squares = [_squares(blocks[place], mean, scale, factor) for place, scale, mean, factor in early]
        centers, stds = self.usual.tensors
        gaps = (torch.log(torch.stack(squares, dim=1).clamp(min=LEAST_DISTANCE)) - centers) / stds
        return -(gaps.clamp(min=0.0) ** 2).mean(dim=1).sqrt()


def _squares(block: Tensor, mean: Tensor, scale: float, factor: Tensor) -> Tensor:
    projected = (((block - mean) / scale) @ factor.float()).double()
    return (projected * projected).sum(dim=1)


class DetectorGraph(nn.Module):
    """`NoveltyDetector.p_values`.

    Args:
        representation: Features to rows.
        distances: Of the early stages; None for none.
        probe: Unit rows of training images, float16 [row, feature], their hubness, float32 [row], and weight, float16 [feature,
            class], and bias, float64 [class], of the probe.
        scaling: Center, divisor, and the value from which a statistic that does not vary counts as usual, each [statistic].
        varies: Whether each statistic varies, [statistic].
        least_std: What a statistic that does not vary is divided by.
        std_of_directions: Divides the sum of the first two.
        left_out: Totals of left-out images in ascending order, [image].
    """

    def __init__(
        self,
        representation: nn.Module,
        distances: nn.Module | None,
        probe: tuple[Floats, Floats, Floats, Floats],
        scaling: tuple[Floats, Floats, Floats],
        varies: Booleans,
        least_std: float,
        std_of_directions: float,
        left_out: Floats,
    ) -> None:
        super().__init__()
        self.representation = representation
        self.distances = distances
        *arrays, bias = probe
        self.probe = Constants(*arrays, np.asarray(bias, np.float64))
        self.scaling = Constants(*(np.asarray(one, np.float64) for one in scaling))
        self.varies = tuple(map(bool, varies))
        self.least_std = least_std
        self.std_of_directions = std_of_directions
        self.left_out = Constants(np.asarray(left_out, np.float64))

    def forward(self, features: GraphFeatures) -> Tensor:
        """The p-values, float64 [sample]."""
        totals = self._totals(self._statistics(features))
        (left_out,) = self.left_out.tensors
        below = (left_out <= totals[:, None]).double().sum(dim=1)
        return (1.0 + below) / (len(left_out) + 1.0)

    def _statistics(self, features: GraphFeatures) -> Tensor:
        rows, hubness, weight, bias = self.probe.tensors
        seen = unit(self.representation(features))
        similarity = (2.0 * (seen @ rows.float().T) - hubness).amax(dim=1).double()
        scores = ((seen @ weight.float()).double() + bias).amax(dim=1)
        rest = [] if self.distances is None else [self.distances(features)]
        return torch.stack([similarity, scores, *rest], dim=1)

    def _totals(self, statistics: Tensor) -> Tensor:
        center, divisor, usual = self.scaling.tensors
        gap = (statistics - center) / divisor
        if not all(self.varies):
            short = (statistics - usual) / self.least_std
            fixed = torch.where(short < -1.0, short, torch.zeros_like(short))
            gap = torch.where(torch.tensor(self.varies), gap, fixed)
        directions = gap[:, :2].sum(dim=1) / self.std_of_directions
        return directions if self.distances is None else directions + gap[:, 2].clamp(max=0.0)
