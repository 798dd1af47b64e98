"""Domain: the domain that the data name for an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from headstart.evaluation.slices.base import NamedAttribute, SliceInputs


class Domain(NamedAttribute):
    """The domain, where the data name some."""

    title: ClassVar[str] = "Domain"
    told_elsewhere: ClassVar[bool] = True

    def names(self, inputs: SliceInputs) -> Sequence[str] | None:
        return inputs.predictions.domains or None

    def phrase(self, name: str) -> str:
        return f'images of domain "{name}"'
