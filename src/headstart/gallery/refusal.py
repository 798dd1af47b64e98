"""Refusal: from which similarity on an image counts as one of the enrolled classes."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Booleans, Floats, Integers

TAIL = 0.25
"""Of strangers that are let in, and of images of enrolled classes that are turned away, as far as enrolled images tell. With one
image a class the similarities of both overlap, and a smaller share of the one is a larger share of the other."""
FAR_TAIL = 0.05
"""Of background images that are let in."""
LEAST_KNOWN = 5
"""Left-out images of enrolled classes below this number say too little of how similar such images are."""
ENOUGH_CLASSES = 5
"""From this many classes on, their images are strangers enough to one another, and those of the background are not asked."""


def threshold_of(left_out: Floats, labels: Integers, fair: Booleans, strangers: Floats, relatives: Floats) -> float:
    """The similarity that three of four strangers stay below and three of four images of enrolled classes reach.

    Each enrolled image, as if its class were not there, is a stranger to the other classes. With fewer than five classes 19 of 20
    background images have to stay below as well; with one class, they alone decide, and images of the class's own kind pass
    easily. Where enrolled images can be left out of their class, or a source shows how similar images of one class are, the
    threshold lies midway between what strangers stay below and what those reach; else at what strangers stay below.

    Args:
        left_out: float [image, class], similarities of enrolled images without themselves.
        labels: int64 [image].
        fair: bool [image], whether the image's class has others.
        strangers: float [background image], largest similarity to a class.
        relatives: float [pair], similarities of two images of one class of a source; they count where too few enrolled images can
            be left out. None without a source.

    Returns:
        The threshold.
    """
    mine = np.arange(len(labels))
    others = left_out.copy()
    others[mine, labels] = -np.inf
    highs = [float(np.quantile(others.max(axis=1), 1 - TAIL))] if left_out.shape[1] > 1 else []
    if left_out.shape[1] < ENOUGH_CLASSES:
        highs.append(float(np.quantile(strangers, 1 - FAR_TAIL)))
    own = left_out[mine, labels][fair]
    known = own if len(own) >= LEAST_KNOWN else relatives
    return max(highs) if len(known) < LEAST_KNOWN else (max(highs) + float(np.quantile(known, TAIL))) / 2
