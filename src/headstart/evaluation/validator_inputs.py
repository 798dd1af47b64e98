"""Adapted evidence: what can be known of an adapted model without a single target label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.types import Booleans, Floats, Integers

SURE = 0.9
"""Confidence from which the unadapted model counts as sure."""


@dataclass(frozen=True)
class ValidatorInputs:
    """What one candidate says of target rows and of source rows that it has not seen, next to what the others say.

    Attributes:
        target_probs: The candidate's calibrated probabilities of the target rows, float [target, class].
        source_only_probs: Those of the unadapted model, float [target, class].
        ensemble_probs: Mean over all candidates, float [target, class].
        target_features: What the unadapted model sees of the target rows, float [target, feature].
        held_labels: Labels of source rows that were held out of the fit, int64 [held].
        held_probs: The candidate's probabilities of these rows, float [held, class]; None where it has none.
        source_features: What it sees of source rows, float [source, feature]; None where they are not at hand.
        turned_features: The same rows turned or mirrored as one; None where that explains nothing.
        source_labels: Labels of these rows, int64 [source].
        circular_labels: Labels of the source rows that a fit in the opposite direction was asked about, int64 [source].
        circular_probs: What a fit from the candidate's own target predictions back to the source says of these rows, float
            [source, class]; None where no such fit was made.
    """

    target_probs: Floats = field(repr=False)
    source_only_probs: Floats = field(repr=False)
    ensemble_probs: Floats = field(repr=False)
    target_features: Floats = field(repr=False)
    held_labels: Integers = field(repr=False)
    held_probs: Floats | None = field(repr=False, default=None)
    source_features: Floats | None = field(repr=False, default=None)
    turned_features: Floats | None = field(repr=False, default=None)
    source_labels: Integers | None = field(repr=False, default=None)
    circular_labels: Integers | None = field(repr=False, default=None)
    circular_probs: Floats | None = field(repr=False, default=None)

    @property
    def predicted(self) -> Integers:
        """The candidate's class of each target row, int64 [target]."""
        return np.asarray(self.target_probs.argmax(axis=1), np.int64)

    @property
    def sure(self) -> Booleans:
        """Target rows of which the unadapted model is sure, [target]."""
        return np.asarray(self.source_only_probs.max(axis=1) >= SURE)


def right_of(probs: Floats, labels: Integers) -> Floats:
    """1.0 where the likeliest class is the label, 0.0 elsewhere, float64 [sample]."""
    return np.asarray(probs.argmax(axis=1) == labels, np.float64)


def entropies(probs: Floats) -> Floats:
    """The entropy of each row in nats, float64 [sample]."""
    values = np.asarray(probs, np.float64)
    return np.asarray(-(values * np.log(np.maximum(values, 1e-300))).sum(axis=1))
