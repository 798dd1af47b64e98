"""Wanted: what a request asks for beside labels and probabilities."""

from __future__ import annotations

from typing import NamedTuple


class Wanted(NamedTuple):
    """What a request asks for; pictures of requests that want the same are computed together. See `headstart.predict`.

    Attributes:
        refuse: The p-value below which a picture gets no label.
        sets: The share of pictures whose prediction set is to hold the truth.
        at_accuracy: How often labels that are given are to be right.
    """

    refuse: float | None = None
    sets: float | None = None
    at_accuracy: float | None = None

    @property
    def needs_calibration(self) -> bool:
        """Whether out-of-fold predictions are needed for it."""
        return self.sets is not None or self.at_accuracy is not None


NOTHING_MORE = Wanted()
"""Labels and probabilities alone."""
