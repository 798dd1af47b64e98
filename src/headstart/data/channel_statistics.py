"""Mean and standard deviation of pictures, channel by channel."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.data.images import ImageSet
from headstart.data.transforms import Transform

MOST_ROWS = 2_000
"""Pictures looked at: enough for three digits."""
LEAST_STD = 0.01
"""Pictures without any contrast are not blown up."""

Channels = tuple[float, float, float]


def channel_statistics(images: ImageSet, transform: Transform, seed: int = 0) -> tuple[Channels, Channels]:
    """Mean and standard deviation of the pixels of some pictures as a network is shown them.

    Args:
        images: Pictures; of more than 2,000 a random part is looked at.
        transform: How pictures become input.
        seed: Decides which.

    Returns:
        Both per channel, on pixels in [0, 1], rounded to four digits; the deviations are no smaller than 0.01.
    """
    rows = np.sort(generator_for(seed, "channel statistics").permutation(len(images))[:MOST_ROWS])
    pixels = transform.decode(images.images, rows).reshape(-1, transform.channels) / 255.0
    red, green, blue = np.round(pixels.mean(axis=0), 4).tolist()
    deviations = np.round(np.maximum(pixels.std(axis=0), LEAST_STD), 4).tolist()
    return (red, green, blue), (deviations[0], deviations[1], deviations[2])
