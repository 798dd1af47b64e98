"""Joint match: whether features and classes have the joint distribution of the source, up to an affine map."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import deciding
from headstart.shift.tests.joint_discrepancy import joint_discrepancy

NUM_DRAWS = 6
"""Draws of random features that are averaged: with one draw their error is as large as the differences between candidates."""


@deciding()
def joint_match(inputs: ValidatorInputs) -> float | None:
    """Minus the joint discrepancy: how far the joint distribution of features and predicted classes is from that of the source.

    About 0 for classes that fit, lower for others; None without source rows. Where a rotation or reflection of the source
    explains the target, the source rows are rotated first.

    Limits: a shift of the features that no affine map expresses counts as discrepancy whatever the classes are; with few rows a
        class the value is mostly noise.

    Reference: see `joint_discrepancy`.
    """
    if inputs.source_features is None or inputs.source_labels is None:
        return None
    rows = inputs.source_features if inputs.rotated_features is None else inputs.rotated_features
    return -joint_discrepancy(rows, inputs.source_labels, inputs.target_features, inputs.target_probs, range(NUM_DRAWS))
