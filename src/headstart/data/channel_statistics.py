"""Mean and standard deviation of pictures, channel by channel."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.data.images import ImageSet
from headstart.data.transforms import Transform

MOST_ROWS = 2_000
"""Pictures sampled. With deviations of pictures' means of 0.2, the standard error of the mean is below 0.005."""
LEAST_STD = 0.01
"""Lower bound of a deviation, so that pictures without contrast are not divided by next to nothing."""

Channels = tuple[float, float, float]


def channel_statistics(images: ImageSet, transform: Transform, seed: int = 0) -> tuple[Channels, Channels]:
    """Mean and standard deviation per channel, on pixels in [0, 1] as the transform gives them, rounded to four digits.

    Of more than `MOST_ROWS` pictures, that many are drawn by the seed. Deviations are no smaller than `LEAST_STD`.
    """
    rows = random_rows(len(images), MOST_ROWS, generator_for(seed, "channel statistics"))
    pixels = transform.decode(images.images, rows).reshape(-1, transform.channels) / 255.0
    red, green, blue = np.round(pixels.mean(axis=0), 4).tolist()
    deviations = np.round(np.maximum(pixels.std(axis=0), LEAST_STD), 4).tolist()
    return (red, green, blue), (deviations[0], deviations[1], deviations[2])
