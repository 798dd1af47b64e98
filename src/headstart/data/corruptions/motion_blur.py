"""Motion blur: a camera that moves."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, convolved, scale_of


class MotionBlur(Corruption):
    """The mean along a line of random direction, at most 45 degrees from the horizontal. A level is how far the line reaches, and
    the deviation of its normal weights, in pixels of the paper.

    Differs: the line reaches to both sides of a pixel.
    """

    title: ClassVar[str] = "Motion blur"
    family: ClassVar[Family] = "blur"
    levels: ClassVar[tuple[Any, ...]] = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        reach, deviation = (value * scale_of(picture) for value in level)
        angle = generator.uniform(-np.pi / 4, np.pi / 4)
        half = int(np.ceil(reach / 2))
        steps = np.linspace(-reach / 2, reach / 2, 8 * half + 1)
        weights = np.exp(-0.5 * (steps / max(deviation, 1e-6)) ** 2)
        places = np.stack([np.sin(angle) * steps, np.cos(angle) * steps]) + half
        kernel = np.zeros((2 * half + 1, 2 * half + 1))
        np.add.at(kernel, tuple(np.rint(places).astype(np.int64)), weights)
        return convolved(picture, kernel / kernel.sum())
