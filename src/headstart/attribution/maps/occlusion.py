"""Occlusion: how much a class loses where a part of the picture is replaced."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.attribution.class_scores import log_odds, probs_of
from headstart.attribution.maps.base import MapMethod
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.masked import MaskedImages
from headstart.methods.model import Model

CELLS = 7
"""Places of a side: 49 pictures take about as long as one batch of a busy server."""
HALVES = 2 * CELLS
"""Windows begin and end at half places."""


@final
class Occlusion(MapMethod):
    """Replaces a window around each of 7 x 7 places, two places wide, and measures how far the log-odds of the class fall.

    Needs: nothing but predictions, so that any model has such maps.
    Helps: where one part alone decides; its values are what the model itself says of changed pictures.
    Hurts: where two parts say the same: neither alone lets the class fall. It takes 49 predictions a picture.

    Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
    Differs: windows are blurred or take the mean color instead of gray, and log-odds are compared instead of probabilities.
    """

    title: ClassVar[str] = "Occlusion"
    idea: ClassVar[str] = "how far the log-odds of the class fall when a part is covered"

    @property
    def passes(self) -> int:
        return 1 + CELLS**2

    def unmet(self, model: Model) -> str:
        return ""

    def maps(self, model: Model, pictures: MaskedImages, labels: Integers) -> Floats:
        num, hidden = len(pictures), np.concatenate([np.zeros((1, HALVES, HALVES), bool), windows()])
        variants = pictures.masked(np.repeat(np.arange(num), len(hidden)), np.tile(hidden, (num, 1, 1)))
        odds = log_odds(probs_of(model, variants), np.repeat(labels, len(hidden))).reshape(num, -1)
        return np.asarray((odds[:, :1] - odds[:, 1:]).reshape(num, CELLS, CELLS))


def windows() -> Booleans:
    """The window around each place, row by row, bool [place, half, half]."""
    starts = 2 * np.arange(CELLS) - 1
    inside = (np.arange(HALVES) >= starts[:, None]) & (np.arange(HALVES) < starts[:, None] + 4)
    return np.asarray((inside[:, None, :, None] & inside[None, :, None, :]).reshape(CELLS * CELLS, HALVES, HALVES))
