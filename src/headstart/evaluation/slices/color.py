"""Color: whether a picture has any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.slices.base import NamedAttribute, OfPictures, SliceInputs

GRAY = 1.0
"""Mean difference of the largest and smallest channel, of 255, below which a picture is gray: compression alone adds less."""


class Color(NamedAttribute, OfPictures):
    """Gray or colored."""

    title: ClassVar[str] = "Color"

    @staticmethod
    def of_picture(picture: Floats) -> str:
        return "gray" if float(np.ptp(picture, axis=2).mean()) < GRAY else "colored"

    def names(self, inputs: SliceInputs) -> Sequence[str] | None:
        return inputs.measured.get("color")

    def phrase(self, name: str) -> str:
        return f"{name} images"
