"""Description: the program that gives the features of every stage, before its network is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.backbones.engines.base import ProgramKey, program_key
from headstart.backbones.extractor import Extractor, key_of_description

if TYPE_CHECKING:
    from headstart.backbones.programs import Program


@dataclass(frozen=True)
class Description:
    """Stands for `Describe`; the network is loaded where no engine of it was kept.

    Attributes:
        backbone: What extracts.
    """

    backbone: Extractor

    @property
    def names(self) -> tuple[str, ...]:
        """What each output is."""
        return self.backbone.output_names

    @property
    def content_key(self) -> ProgramKey:
        """See `Program.content_key`."""
        backbone = self.backbone
        return program_key(backbone.card, backbone.transform, backbone.weights_hash, key_of_description(backbone))

    def loaded(self) -> Program:
        """The program with its network."""
        from headstart.backbones.programs import Describe  # noqa: PLC0415

        return Describe(self.backbone.network)
