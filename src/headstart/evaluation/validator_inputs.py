"""Validator inputs: what can be known of an adapted model without a single target label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.types import Floats, Integers


@dataclass(frozen=True)
class ValidatorInputs:
    """Predictions of one candidate for target rows, and the source as it would look under what the candidate assumes.

    Attributes:
        target_probs: The candidate's calibrated probabilities of the target rows, float [target, class].
        target_features: Target rows in the unadapted model's features, float [target, feature].
        source_features: Source rows in the same features, changed as the candidate assumes, float [source, feature].
        source_weights: Weights of these rows, at least 0, float [source].
        source_labels: Labels of these rows, int64 [source].
        circular_probs: Probabilities of the source rows by a fit to target rows with the candidate's predictions as labels, float
            [source, class]; None where no such fit was made.
    """

    target_probs: Floats = field(repr=False)
    target_features: Floats = field(repr=False)
    source_features: Floats = field(repr=False)
    source_weights: Floats = field(repr=False)
    source_labels: Integers = field(repr=False)
    circular_probs: Floats | None = field(repr=False, default=None)

    @property
    def predicted(self) -> Integers:
        """The candidate's class of each target row, int64 [target]."""
        return np.asarray(self.target_probs.argmax(axis=1), np.int64)


def right_of(probs: Floats, labels: Integers) -> Floats:
    """1.0 where the likeliest class is the label, 0.0 elsewhere, float64 [sample]."""
    return np.asarray(probs.argmax(axis=1) == labels, np.float64)
