"""Joint match: whether features and classes together look as in the source, once an affine map has been taken off."""

from __future__ import annotations

import numpy as np

from headstart.evaluation.validator_inputs import ValidatorInputs
from headstart.evaluation.validators import deciding
from headstart.shift.tests.joint_discrepancy import joint_discrepancy

NUM_DRAWS = 6
"""Of random features: with one draw, what they miss of the kernel is as large as the differences that are looked for."""


@deciding()
def joint_match(evidence: ValidatorInputs) -> float | None:
    """Minus the distance of the joint distribution of features and predicted classes from that of the source.

    Where a rotation or mirror image of the source explains the target, rows turned by it take the place of the source's.

    Limits: what such maps cannot express counts as a gap whatever the classes are; with few rows a class the distance is mostly
    noise.

    Args:
        evidence: Of one candidate.

    Returns:
        About 0 for classes that fit, below it for others; None without source rows.

    Reference: see `joint_discrepancy`.
    """
    if evidence.source_features is None or evidence.source_labels is None:
        return None
    rows = evidence.source_features if evidence.turned_features is None else evidence.turned_features
    gaps = [
        joint_discrepancy(rows, evidence.source_labels, evidence.target_features, evidence.target_probs, seed)
        for seed in range(NUM_DRAWS)
    ]
    return -float(np.mean(gaps))
