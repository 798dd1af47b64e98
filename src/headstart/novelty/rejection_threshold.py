"""Refusal: from which similarity on an image counts as one of the enrolled classes."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Booleans, Floats, Integers

TAIL = 0.25
"""Of images of enrolled classes that are turned away, as far as enrolled images or a source tell."""
MIDDLE = (0.5, 0.75)
"""Of the strangers' largest similarities: no class's threshold leaves this middle, so that neither a class without neighbors lets
in everything nor a few classes that resemble one another shut out all."""
FAR_TAIL = 0.05
"""Of background images that are let in."""
LEAST_KNOWN = 5
"""Left-out images of enrolled classes below this number say too little of how similar such images are."""
ENOUGH_CLASSES = 5
"""From this many classes on, their images are strangers enough to one another, and those of the background are not asked."""


def thresholds_of(left_out: Floats, labels: Integers, fair: Booleans, strangers: Floats, relatives: Floats) -> Floats:
    """For each class the similarity that strangers stay below and images of enrolled classes reach.

    Each enrolled image, as if its class were not there, is a stranger to the other classes. A class's threshold is the largest
    similarity of a stranger to it, held between the median and the upper quartile of all strangers' largest ones. With fewer
    than five classes 19 of 20 background images have to stay below as well; with one class, they alone decide, and images of the
    class's own kind pass easily. Where enrolled images can be left out of their class, or a source shows how similar images of
    one class are, the threshold lies midway between that and what three of four of those reach; the background then asks for no
    more than that, as it may show the very classes that are enrolled.

    Args:
        left_out: float [image, class], similarities of enrolled images without themselves.
        labels: int64 [image].
        fair: bool [image], whether the image's class has others.
        strangers: float [background image], largest similarity to a class.
        relatives: float [pair], similarities of two images of one class of a source; they count where too few enrolled images can
            be left out. None without a source.

    Returns:
        The thresholds, float64 [class].
    """
    mine = np.arange(len(labels))
    num_classes = left_out.shape[1]
    highs = np.full(num_classes, -1.0)
    if num_classes > 1:
        others = left_out.copy()
        others[mine, labels] = -np.inf
        low, high = np.quantile(others.max(axis=1), MIDDLE)
        highs = np.clip(others.max(axis=0), low, high)
    own = left_out[mine, labels][fair]
    known = own if len(own) >= LEAST_KNOWN else relatives
    reached = float(np.quantile(known, TAIL)) if len(known) >= LEAST_KNOWN else None
    if num_classes < ENOUGH_CLASSES:
        far = float(np.quantile(strangers, 1 - FAR_TAIL))
        highs = np.maximum(highs, far if reached is None else min(far, reached))
    return highs if reached is None else np.asarray((highs + reached) / 2)
