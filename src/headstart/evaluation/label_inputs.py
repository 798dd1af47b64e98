"""What strategies of choosing images to label see."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.types import Floats, Integers


class LabelInputs(NamedTuple):
    """Images without labels to choose from, and those that have labels.

    Attributes:
        features: Of images without labels, rows of unit length, float [row, feature].
        known: Of images with labels, likewise, float [labeled row, feature].
        probs: Probabilities of the present model for images without labels, float64 [row, class]; None where nothing has a label.
        num: How many to choose, 1 to the number of rows.
        seed: Of what is drawn.
    """

    features: Floats
    known: Floats
    probs: Floats | None
    num: int
    seed: int

    def first(self, scores: Floats) -> Integers:
        """The rows with the highest scores, float [row], the highest first, int64 [num]."""
        return np.argsort(-scores, kind="stable")[: self.num]
