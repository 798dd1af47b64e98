"""Sharpness: the variance of a picture's Laplacian."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.slices.base import MeasuredOfPictures


class Sharpness(MeasuredOfPictures):
    """The variance of the Laplacian of the mean of the channels; low in blurred pictures, high in noisy ones.

    Reference: Pech-Pacheco, Cristobal, Chamorro-Martinez & Fernandez-Valdivia, "Diatom autofocusing in brightfield microscopy",
        ICPR 2000, section 2.
    """

    title: ClassVar[str] = "Sharpness"
    lowest: ClassVar[str] = "most blurred"
    highest: ClassVar[str] = "sharpest or noisiest"

    @staticmethod
    def of_picture(picture: Floats) -> float:
        gray = np.pad(picture.mean(axis=2), 1, mode="edge")
        laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * gray[1:-1, 1:-1]
        return float(laplacian.var())
