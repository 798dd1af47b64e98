"""Defocus blur: a lens that is out of focus."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, convolved, scale_of


class DefocusBlur(Corruption):
    """The mean over a disk; a level is its radius in pixels of the paper.

    Differs: the edge of the disk is smooth over one pixel, in place of a filter that depends on the level; a radius is at least
        half a pixel.
    """

    title: ClassVar[str] = "Defocus blur"
    family: ClassVar[Family] = "blur"
    levels: ClassVar[tuple[Any, ...]] = (3.0, 4.0, 6.0, 8.0, 10.0)

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        del generator
        radius = max(0.5, level * scale_of(picture))
        reach = int(np.ceil(radius))
        across = np.arange(-reach, reach + 1)
        disk = np.clip(radius + 0.5 - np.hypot(across[:, None], across[None]), 0.0, 1.0)
        return convolved(picture, disk / disk.sum())
