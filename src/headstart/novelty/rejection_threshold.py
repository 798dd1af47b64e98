"""Rejection threshold: the similarity from which an image counts as one of the enrolled classes."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Booleans, Floats, Integers

REJECTED_SHARE = 0.25
"""Quantile of the known images' similarity to their own class that a threshold takes as reached. Chosen, not measured."""
CENTRAL_QUANTILES = (0.5, 0.75)
"""Each class's threshold stays between these quantiles of the unknown images' largest similarities: else a class without near
neighbors would accept everything, and a few classes that resemble one another would reject everything. Chosen, not measured."""
ACCEPTED_BACKGROUND = 0.05
"""Share of background images that may pass a threshold: the usual level of a test. Chosen, not measured."""
FEWEST_KNOWN = 5
"""With fewer left-out images of enrolled classes the quantile above is not estimated. Chosen, not measured."""
ENOUGH_CLASSES = 5
"""From this many classes on, each class's images stand for unknown ones to the others, and the background is not used. Chosen,
not measured."""


def rejection_thresholds(left_out: Floats, labels: Integers, fair: Booleans, background: Floats, within_class: Floats) -> Floats:
    """The similarity from which an image is accepted as each class.

    An enrolled image of another class stands for an unknown image. A class's threshold is the largest similarity of such an image
    to it, clipped to the median and the upper quartile of all unknown images' largest similarities. With fewer than five classes
    95% of the background images must stay below as well; with one class they alone decide, so that similar images pass easily.
    Where enrolled images can be left out of their class, or a source shows how similar images of one class are, the threshold is
    the mean of that and the similarity that three of four of those reach; the background then asks for no more than this, because
    it may show the enrolled classes.

    Args:
        left_out: float [image, class], similarities of enrolled images to the classes without themselves.
        labels: int64 [image].
        fair: bool [image], whether the image's class has other images.
        background: float [background image], largest similarity to a class.
        within_class: float [pair], similarities of two images of one class of a source, used where too few enrolled images can be
            left out; empty without a source.

    Returns:
        float64 [class].
    """
    rows = np.arange(len(labels))
    num_classes = left_out.shape[1]
    highs = np.full(num_classes, -1.0)
    if num_classes > 1:
        others = left_out.copy()
        others[rows, labels] = -np.inf
        low, high = np.quantile(others.max(axis=1), CENTRAL_QUANTILES)
        highs = np.clip(others.max(axis=0), low, high)
    own = left_out[rows, labels][fair]
    known = own if len(own) >= FEWEST_KNOWN else within_class
    reached = float(np.quantile(known, REJECTED_SHARE)) if len(known) >= FEWEST_KNOWN else None
    if num_classes < ENOUGH_CLASSES:
        above = float(np.quantile(background, 1 - ACCEPTED_BACKGROUND))
        highs = np.maximum(highs, above if reached is None else min(above, reached))
    return highs if reached is None else np.asarray((highs + reached) / 2)
