"""Margin: images for which the two most probable classes are nearly as probable."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Integers
from headstart.evaluation.label_inputs import LabelInputs


def margin(inputs: LabelInputs) -> Integers | None:
    """The rows with the smallest difference of the two highest probabilities; None without a model.

    Reference: Scheffer, Decomain & Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001, section 4.
    """
    if inputs.probs is None:
        return None
    highest = np.sort(inputs.probs, axis=1)
    return inputs.first(highest[:, -2] - highest[:, -1] if highest.shape[1] > 1 else highest[:, -1])
