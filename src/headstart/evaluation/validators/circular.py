"""Circular validation: whether the way back from the target leads to the source labels."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of
from headstart.evaluation.validators import deciding


@deciding(tolerance=0.01)
def circular(evidence: ValidatorInputs) -> float | None:
    """Share of source rows that get their label back when the candidate's target predictions are taken for labels.

    The same method is fitted in the opposite direction: from target rows with the candidate's own predictions to source rows.

    Limits: two mistakes that undo each other, such as two classes exchanged on both ways, are not seen.

    Args:
        evidence: Of one candidate.

    Returns:
        In [0, 1]; None where no fit in the opposite direction was made.

    Reference: Bruzzone & Marconcini, "Domain Adaptation Problems: A DASVM Classification Technique and a Circular Validation
        Strategy", TPAMI 2010, section 4.
    """
    if evidence.circular_probs is None or evidence.circular_labels is None:
        return None
    return float(right_of(evidence.circular_probs, evidence.circular_labels).mean())
