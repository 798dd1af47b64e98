"""Least confidence: images whose most probable class is improbable."""

from __future__ import annotations

from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs


def least_confidence(inputs: LabelInputs) -> Integers | None:
    """The rows with the lowest highest probability; None without a model.

    Reference: Lewis & Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994, section 3.
    """
    return None if inputs.probs is None else inputs.first(-inputs.probs.max(axis=1))
