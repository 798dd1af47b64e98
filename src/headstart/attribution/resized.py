"""Maps at another resolution."""

from __future__ import annotations

import numpy as np
from PIL import Image

from headstart.core.types import Floats


def resized_maps(maps: Floats, side: int) -> Floats:
    """Maps [picture, row, column] as squares of that side, float64, bilinear; places are averaged where maps shrink."""
    small = np.asarray(maps, np.float32)
    if small.shape[1:] == (side, side):
        return np.asarray(maps, np.float64)
    made = [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BILINEAR)) for one in small]
    return np.asarray(made, np.float64).reshape(len(small), side, side)
