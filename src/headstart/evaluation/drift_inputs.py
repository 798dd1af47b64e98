"""What tests of drift compare."""

from __future__ import annotations

from typing import NamedTuple

from headstart.core.types import Floats


class DriftInputs(NamedTuple):
    """Images that a model was not fitted to, and new ones.

    Attributes:
        reference_probs: Of held-out images as those learned from, float64 [reference row, class].
        probs: Of new images, float64 [row, class].
        least_p_value: The least conformal p-value that the novelty detector can give: 1 over one more than the images that it was
            calibrated on; 1 without a detector.
        p_values: Conformal p-values of new images, float64 [row]; None without a detector.
        same_model: Whether the very model that predicts new images predicted the held-out ones, and not models of folds, which
            learned from fewer images and are a little less sure.
    """

    reference_probs: Floats
    probs: Floats
    least_p_value: float
    p_values: Floats | None
    same_model: bool = True
