"""Member: a network with a linear head, one score an output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from headstart.backbones.extractor import Extractor
from headstart.backbones.saved import extractor_in
from headstart.core.arrays import read_arrays, read_metadata, write_arrays
from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.methods.heads import LinearHead, head_from

HEAD = "head.safetensors"


@dataclass(frozen=True)
class Member:
    """Images to scores.

    Attributes:
        backbone: Images to features.
        head: Features to scores.
    """

    backbone: Extractor
    head: LinearHead

    def scores(self, images: ImageSet) -> Floats:
        """float64 [sample, output]."""
        return self.head.scores(features_of(images, self.backbone))

    def save(self, folder: Path, network: Path | None = None) -> None:
        """Write the head, and the network into `network`, or beside the head; an `ExportError` where that fails."""
        self.backbone.save(folder / "backbone" if network is None else network)
        self.save_head(folder)

    def save_head(self, folder: Path) -> None:
        """Write the head alone."""
        representation = self.head.representation
        write_arrays(folder / HEAD, self.head.arrays(), {"blocks": representation.blocks if representation else ""})

    @classmethod
    def load(cls, folder: Path, backbone: Extractor | None = None, sizes: Mapping[str, int] | None = None) -> Member:
        """The member that `save` wrote; the network is read from beside the head where none is given.

        `sizes` are those of the axes "class" and "feature" of the head, as far as they are known; what is raised is that of
        `headstart.methods.heads.head_from` and `headstart.core.arrays.read_arrays`.
        """
        settings = {"kind": "linear", "blocks": read_metadata(folder / HEAD).get("blocks") or None}
        head = head_from(read_arrays(folder / HEAD), settings, sizes)
        return cls(backbone or extractor_in(folder / "backbone"), cast(LinearHead, head))
