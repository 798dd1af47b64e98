"""Elastic: a picture that is stretched and pressed in places."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from headstart.core.types import Floats
from headstart.data.corruptions.base import Corruption, Family


class Elastic(Corruption):
    """A random affine map and a smooth random displacement. A level is the displacement, its smoothness and the change of the
    map, as shares of the side.

    Reference: Simard, Steinkraus & Platt, "Best Practices for Convolutional Neural Networks", ICDAR 2003, section 2.
    Differs: displacements have the deviation of the level after smoothing, not before; those of the paper come to about these.
    """

    title: ClassVar[str] = "Elastic"
    family: ClassVar[Family] = "digital"
    levels: ClassVar[tuple[Any, ...]] = (
        (0.01, 0.7, 0.1),
        (0.02, 0.08, 0.2),
        (0.008, 0.01, 0.02),
        (0.012, 0.01, 0.02),
        (0.02, 0.01, 0.02),
    )

    def apply(self, picture: Floats, level: Any, generator: np.random.Generator) -> Floats:
        amount, smooth, corners = level
        height, width = picture.shape[:2]
        side = min(height, width)
        middle = np.array([(height - 1) / 2, (width - 1) / 2])
        linear = np.eye(2) + generator.uniform(-corners, corners, (2, 2)) * 0.5
        grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"))
        places = np.tensordot(linear, grid - middle[:, None, None], 1) + middle[:, None, None]
        for axis in range(2):
            field = gaussian_filter(generator.uniform(-1, 1, (height, width)), max(0.5, smooth * side), mode="reflect")
            places[axis] += amount * side * field / max(float(field.std()), 1e-12)
        return np.stack([map_coordinates(picture[..., one], places, order=1, mode="reflect") for one in range(3)], axis=2)
