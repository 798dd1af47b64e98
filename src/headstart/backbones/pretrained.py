"""Pretrained: the card of a model to transfer from. Listing cards needs no weights, no network and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from headstart.core.arguments import Accepts, each, path_given
from headstart.core.records import Record

PERMISSIVE = frozenset({"Apache-2.0", "MIT", "BSD-3-Clause", "BSD-2-Clause", "ISC", "CC0-1.0"})
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


class Pretrained(Record):
    """What is known about a model before it is loaded.

    Attributes:
        name: Unique name, as given to `--pretrained`: "efficientnet_lite0", "timm/resnet50.a1_in1k", "torchvision/resnet50".
        provider: File name of the provider that loads it.
        architecture: The provider's name for the network.
        license: SPDX identifier of the weights' license; "unknown" where none is stated.
        source: What the weights were trained on: "ImageNet-1k".
        num_parameters: Number of weights; None where it is known only after loading.
        input_pixels: Side of the input square it was trained on.
        smallest_pixels: Smallest side it tolerates.
        mean: Per-channel mean, on pixels in [0, 1].
        std: Per-channel standard deviation, on pixels in [0, 1].
        source_accuracy: Top-1 accuracy on the source's test set as published, in [0, 1]; None where unknown.
        available: Whether the weights are on this machine now.
    """

    name: str
    provider: str
    architecture: str
    license: str = "unknown"
    source: str = "ImageNet-1k"
    num_parameters: int | None = None
    input_pixels: int = 224
    smallest_pixels: int = 32
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    source_accuracy: float | None = None
    available: bool = True

    @property
    def is_permissive(self) -> bool:
        """Whether the license allows any use, also a commercial one, without conditions on what is made with the weights."""
        return self.license in PERMISSIVE


def name_of(model: Any) -> str:
    """The name of a model, as it is given or on its card."""
    return model.name if isinstance(model, Pretrained) else str(path_given(model))


Name: TypeAlias = Annotated[str | Path | Pretrained, Accepts("a name, a file or a card of `headstart.models`", name_of)]
"""What names a model."""
Names: TypeAlias = Annotated[
    str | Path | Pretrained | Sequence[str | Path | Pretrained] | None,
    Accepts("a name, a file or a card of `headstart.models`, or a list of such", each(name_of)),
]
"""What names one model, many, or none."""
AnyWeights: TypeAlias = Annotated[str | Path, Accepts('"pretrained", "none" or a file of weights', name_of)]
"""Which weights a model has."""
