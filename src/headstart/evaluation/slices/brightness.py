"""Brightness: the mean of a picture's pixels."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.types import Floats
from headstart.evaluation.slices.base import MeasuredOfPictures


class Brightness(MeasuredOfPictures):
    """The mean over pixels and channels, 0 to 255."""

    title: ClassVar[str] = "Brightness"
    lowest: ClassVar[str] = "darkest"
    highest: ClassVar[str] = "brightest"

    @staticmethod
    def of_picture(picture: Floats) -> float:
        return float(picture.mean())
