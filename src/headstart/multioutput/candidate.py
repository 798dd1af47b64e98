"""OutputCandidate: what may be fitted to a task of outputs."""

from __future__ import annotations

from typing import Literal

from headstart.core.records import Record
from headstart.features.representation import Blocks
from headstart.training.settings import Training

Family = Literal["chance", "baseline", "transfer", "scratch"]


class OutputCandidate(Record):
    """One way to predict outputs.

    Attributes:
        family: "chance" looks at no image and "baseline" at raw pixels; neither carries knowledge, nor does "scratch".
        fit: Of `headstart.multioutput.fits`; empty for chance.
        pretrained: The network.
        weights: "pretrained", "none", or a file.
        input_pixels: Side of the pictures.
        blocks: The features that a closed form sees.
        training: Of a network that is trained.
    """

    family: Family
    fit: str = ""
    pretrained: str = ""
    weights: str = "pretrained"
    input_pixels: int = 0
    blocks: Blocks = "stages"
    training: Training | None = None

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.family == "chance":
            return "no image at all"
        if self.family == "scratch":
            return f"{self.pretrained} from scratch"
        if self.training is not None:
            return f"fine-tuned {self.pretrained}"
        return f"{self.fit} on {'pixels' if self.family == 'baseline' else f'{self.blocks} of {self.pretrained}'}"
