"""Format: how a model's graph is written to a file, and read again by code that knows nothing of headstart."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from headstart.core.errors import MissingExtraError, PlanError, did_you_mean
from headstart.core.types import Bytes
from headstart.features.graph_features import PictureGraph

INPUT = "images"
"""What a graph's input is called."""
LEAST_HALVED = 4096
"""Values of a weight from which half precision is worth the cast: smaller ones are a thousandth of a file."""
EXAMPLE_EXTRA = (3, 5)
"""Rows and columns that an example has beside the largest side: no size of it is one of the network's own."""


class Format(ABC):
    """A kind of file, with the runtime that computes it; one final class a file, found by the file's name.

    Attributes:
        file: Name of the model's file.
        runtime: What has to be installed, beside numpy and pillow, to use a bundle.
        packages: What has to be installed to make one, by the extra of headstart that brings it.
        precisions: What the weights can be stored as.
    """

    file: ClassVar[str]
    runtime: ClassVar[str]
    packages: ClassVar[dict[str, str]] = {}
    precisions: ClassVar[tuple[str, ...]] = ("float32", "fp16")

    @staticmethod
    @abstractmethod
    def load(folder: Path) -> Callable[[Any], Sequence[Any]]:
        """The model in a folder: pictures, uint8 [sample, height, width, channel], to its outputs.

        Its source becomes part of the bundle's `predict.py`, so that it imports what it needs itself.
        """

    @abstractmethod
    def write(self, graph: PictureGraph, folder: Path, precision: str, pictures: Callable[[], list[Bytes]]) -> None:
        """Write the graph into a folder; whatever fails raises what the library raises.

        Args:
            graph: It may be changed.
            folder: Where.
            precision: One of `precisions`.
            pictures: Training pictures, uint8 [1, height, width, channel] each, from which ranges are taken.
        """

    def check(self, precision: str) -> None:
        """`PlanError` where the format has no such precision, `MissingExtraError` where a package is not installed."""
        if precision not in self.precisions:
            near = did_you_mean(precision, self.precisions)
            raise PlanError(
                f'precision = "{precision}" is not offered by {self.runtime}.{near} It offers {", ".join(self.precisions)}.'
            )
        needed = self.packages | self.packages_for(precision)
        for package, extra in needed.items():
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(f'{package} is not installed. Install it with `pip install "headstart[{extra}]"`.')

    def packages_for(self, precision: str) -> dict[str, str]:
        """What has to be installed for a precision beside `packages`."""
        return {}


def example_for(graph: PictureGraph) -> Tensor:
    """Two gray pictures of a size that no network has, uint8 [2, height, width, channel]: tracers follow what they become."""
    height, width = (graph.largest_pixels + extra for extra in EXAMPLE_EXTRA)
    return torch.full((2, height, width, 3), 127, dtype=torch.uint8)


class _AsFloat32(nn.Module):
    def forward(self, stored: Tensor) -> Tensor:
        return stored.float()


def store_in_half(graph: nn.Module) -> None:
    """Store the large weights of a graph in half precision; they are computed with as float32, as before."""
    for module in list(graph.modules()):
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.dtype == torch.float32 and weight.numel() >= LEAST_HALVED:
                setattr(module, name, nn.Parameter(weight.half(), requires_grad=False))
                parametrize.register_parametrization(module, name, _AsFloat32(), unsafe=True)
        for name, value in list(module.named_buffers(recurse=False)):
            if value.dtype == torch.float32 and value.numel() >= LEAST_HALVED:
                setattr(module, name, value.half())
                parametrize.register_parametrization(module, name, _AsFloat32(), unsafe=True)
