"""Snow: snow that falls before the picture."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import shift, zoom

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family, scale_of


class Snow(Corruption):
    """Random flakes, some pixels large and blurred along their fall, over a picture that is paler. A level is the mean and
    deviation of the flakes' values, their size in pixels of the paper, the value below which there is none, how far they fall,
    and how much of the picture remains.

    Differs: flakes fall along a straight line with equal weights; one layer of them is turned by half a turn and added, as in the
        paper.
    """

    title: ClassVar[str] = "Snow"
    family: ClassVar[Family] = "weather"
    levels: ClassVar[tuple[Any, ...]] = (
        (0.1, 0.3, 3.0, 0.5, 10, 0.8),
        (0.2, 0.3, 2.0, 0.5, 12, 0.7),
        (0.55, 0.3, 4.0, 0.9, 12, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 0.55),
    )

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        mean, deviation, size, least, fall, remains = level
        height, width = picture.shape[:2]
        scale = scale_of(picture)
        flake = max(1.0, size * scale)
        coarse = generator.normal(mean, deviation, (int(np.ceil(height / flake)) + 1, int(np.ceil(width / flake)) + 1))
        flakes = zoom(coarse, flake, order=1)[:height, :width]
        flakes = np.where(flakes < least, 0.0, flakes)
        angle, length = generator.uniform(np.pi / 4, 3 * np.pi / 4), max(1.0, fall * scale)
        steps = np.linspace(-length / 2, length / 2, int(np.ceil(length)) + 1)
        fallen = np.mean([shift(flakes, (step * np.sin(angle), step * np.cos(angle)), order=1) for step in steps], axis=0)
        pale = np.maximum(picture, picture.mean(axis=2, keepdims=True) * 1.5 + 0.5)
        snow = np.clip(fallen, 0, 1)[:, :, None]
        return np.asarray(remains * picture + (1 - remains) * pale + snow + snow[::-1, ::-1])
