"""Features as part of a graph: what `extract` and `representation` compute, as tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.core.types import Floats
from headstart.data.resizing_graph import ResizeToSquare
from headstart.features.described import PIXELS


class GraphFeatures(NamedTuple):
    """As `FeatureSet`: [sample, feature] each."""

    stages: tuple[Tensor, ...]
    stds: tuple[Tensor, ...]
    pixels: Tensor

    @property
    def penultimate(self) -> Tensor:
        """The last stage."""
        return self.stages[-1]


class PictureGraph(nn.Module):
    """A whole model from pictures as bytes, of any size, to its outputs, each [sample, ...].

    Attributes:
        output_names: What each output is.
        largest_pixels: The largest side of the squares that networks are shown: pictures of less detail than that lose something.
    """

    output_names: tuple[str, ...]
    largest_pixels: int


class FeaturesGraph(nn.Module):
    """A network from squares of its side to features.

    Args:
        backbone: It is shared, not copied.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.pixels = backbone.transform.pixels
        self.reduce = ResizeToSquare(PIXELS)

    def forward(self, inputs: Tensor) -> GraphFeatures:
        """The features, of squares [sample, channel, height, width]: whole numbers from 0 to 255 as float32."""
        shown = self.backbone.describe(inputs / 255.0)
        reduced = self.reduce(inputs).permute(0, 2, 3, 1).flatten(1) / 255.0
        return GraphFeatures(shown.stages, shown.stds, reduced)


class RepresentationGraph(nn.Module):
    """`Representation.rows`.

    Args:
        blocks_of: Features to their blocks.
        means: [feature] per block.
    """

    def __init__(self, blocks_of: Callable[[Any], Sequence[Any]], means: tuple[Floats, ...]) -> None:
        super().__init__()
        self.blocks_of = blocks_of
        self.means = Constants(*means)

    def forward(self, features: GraphFeatures) -> Tensor:
        """The joined, normalized features, float32 [sample, feature]."""
        pairs = zip(self.blocks_of(features), self.means.tensors, strict=True)
        return torch.cat([unit(block - mean) for block, mean in pairs], dim=1)


class PenultimateGraph(nn.Module):
    """The last stage as it is."""

    def forward(self, features: GraphFeatures) -> Tensor:
        """It, float32 [sample, feature]."""
        return features.penultimate


class LinearGraph(nn.Module):
    """Rows times a weight plus a bias, float64.

    Args:
        rows: Features to rows.
        weight: [feature, class].
        bias: [class].
    """

    def __init__(self, rows: nn.Module, weight: Floats, bias: Floats) -> None:
        super().__init__()
        self.rows = rows
        self.constants = Constants(np.asarray(weight, np.float32), np.asarray(bias, np.float64))

    def forward(self, features: GraphFeatures) -> Tensor:
        """The scores, float64 [sample, class]."""
        weight, bias = self.constants.tensors
        products: Tensor = self.rows(features) @ weight
        return products.double() + bias


class Constants(nn.Module):
    """Arrays that are part of a graph, in their own precision.

    Args:
        *arrays: The arrays.
    """

    def __init__(self, *arrays: Floats) -> None:
        super().__init__()
        self._num = len(arrays)
        for place, array in enumerate(arrays):
            self.register_buffer(f"array_{place}", torch.from_numpy(np.array(array, order="C")))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The arrays."""
        return tuple(getattr(self, f"array_{place}") for place in range(self._num))  # stored in half precision, it is no buffer


def unit(rows: Tensor) -> Tensor:
    """The rows scaled to unit length; rows of zeros stay. See `core.rows.unit_rows`."""
    return rows / (rows * rows).sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
