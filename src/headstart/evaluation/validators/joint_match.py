"""Joint match: whether features and classes have the joint distribution of the source, as the candidate assumes it changed."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.shift.tests.joint_discrepancy import joint_discrepancy

NUM_DRAWS = 6
"""Draws of random features that are summed: with one draw their error is as large as the differences between candidates."""


def joint_match(inputs: ValidatorInputs) -> float | None:
    """Minus the joint discrepancy of the target from the source, as a multiple of what chance leaves.

    About -1 for right classes where nothing but what the candidate assumes has changed, lower for others; None where the
    candidate's assumption leaves no source row with weight.

    Limits: with few rows a class the value is mostly noise, and classes that the source's own classes explain as well, such as
    other shares of them, cannot be told from right ones.

    Reference: see `joint_discrepancy`.
    """
    if not inputs.source_weights.sum() > 0:
        return None
    return -joint_discrepancy(
        inputs.source_features,
        inputs.source_weights,
        inputs.source_labels,
        inputs.target_features,
        inputs.target_probs,
        range(NUM_DRAWS),
    )
