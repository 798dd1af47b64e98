"""Validator inputs: what can be known of an adapted model without a single target label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.types import Booleans, Floats, Integers

CONFIDENT = 0.9
"""Probability of the likeliest class from which a prediction of the unadapted model counts as confident. Chosen, not measured."""


@dataclass(frozen=True)
class ValidatorInputs:
    """Predictions of one candidate for target rows and for source rows that it was not fitted on, next to those of other models.

    Attributes:
        target_probs: The candidate's calibrated probabilities of the target rows, float [target, class].
        source_only_probs: Those of the unadapted model, float [target, class].
        ensemble_probs: Mean over all candidates, float [target, class].
        target_features: Target rows in the unadapted model's features, float [target, feature].
        held_out_labels: Labels of source rows that were held out of the fit, int64 [held-out row].
        held_out_probs: The candidate's probabilities of these rows, float [held-out row, class]; None where it has none.
        source_features: Source rows in the same features, float [source, feature]; None where they are not at hand.
        rotated_features: The same rows after one rotation or reflection; None where that does not explain the target.
        source_labels: Labels of these rows, int64 [source].
        circular_labels: Labels of the source rows that the fit in the opposite direction predicted, int64 [source].
        circular_probs: Probabilities of these rows by a fit to target rows with the candidate's predictions as labels, float
            [source, class]; None where no such fit was made.
    """

    target_probs: Floats = field(repr=False)
    source_only_probs: Floats = field(repr=False)
    ensemble_probs: Floats = field(repr=False)
    target_features: Floats = field(repr=False)
    held_out_labels: Integers = field(repr=False)
    held_out_probs: Floats | None = field(repr=False, default=None)
    source_features: Floats | None = field(repr=False, default=None)
    rotated_features: Floats | None = field(repr=False, default=None)
    source_labels: Integers | None = field(repr=False, default=None)
    circular_labels: Integers | None = field(repr=False, default=None)
    circular_probs: Floats | None = field(repr=False, default=None)

    @property
    def predicted(self) -> Integers:
        """The candidate's class of each target row, int64 [target]."""
        return np.asarray(self.target_probs.argmax(axis=1), np.int64)

    @property
    def confident(self) -> Booleans:
        """Target rows of which the unadapted model is confident, [target]."""
        return np.asarray(self.source_only_probs.max(axis=1) >= CONFIDENT)


def right_of(probs: Floats, labels: Integers) -> Floats:
    """1.0 where the likeliest class is the label, 0.0 elsewhere, float64 [sample]."""
    return np.asarray(probs.argmax(axis=1) == labels, np.float64)
