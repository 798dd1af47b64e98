"""Entropy: images of which the model knows least."""

from __future__ import annotations

from scipy.special import entr

from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs


def entropy(inputs: LabelInputs) -> Integers | None:
    """The rows whose probabilities have the highest entropy; None without a model.

    Reference: Settles, "Active Learning Literature Survey", University of Wisconsin 2009, section 3.1.
    """
    return None if inputs.probs is None else inputs.first(entr(inputs.probs).sum(axis=1))
