"""Programs: what engines run. From bytes as they lie in memory to a tuple of tensors."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.engines.base import ProgramKey, program_key
from headstart.backbones.extractor import key_of_description


class Program(nn.Module):
    """Part of a backbone, or all of it, in the form that engines take.

    Args:
        backbone: It is shared, not copied.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    @property
    @abstractmethod
    def key(self) -> str:
        """Names the part that is run: two programs of equal weights, input and key are the same."""

    @property
    def content_key(self) -> ProgramKey:
        """Of the program with its weights, which the backbone's hash must be up to date with."""
        backbone = self.backbone
        return program_key(backbone.card, backbone.transform, backbone.weights_hash, self.key)

    def loaded(self) -> Program:
        """Itself; a `Description` has no network yet."""
        return self

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The outputs, of uint8 [batch, height, width, channel]."""


@final
class Describe(Program):
    """The features of every stage, as `Backbone.describe` gives them, side by side."""

    @property
    def key(self) -> str:
        return key_of_description(self.backbone)

    @property
    def names(self) -> tuple[str, ...]:
        """What each output is; see `Backbone.output_names`."""
        return self.backbone.output_names

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The outputs in the order of `names`; see `Program.forward`."""
        shown = self.backbone.describe(images.permute(0, 3, 1, 2))
        return (*shown.stages, *shown.stds, *([] if shown.source_logits is None else [shown.source_logits]))
