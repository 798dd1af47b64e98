"""Contrast: the standard deviation of a picture's gray values."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.slices.base import MeasuredOfPictures


class Contrast(MeasuredOfPictures):
    """The standard deviation of the mean of the channels, 0 to 127."""

    title: ClassVar[str] = "Contrast"
    lowest: ClassVar[str] = "flattest"
    highest: ClassVar[str] = "most contrasting"

    @staticmethod
    def of_picture(picture: Floats) -> float:
        return float(np.std(picture.mean(axis=2)))
