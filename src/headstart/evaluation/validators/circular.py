"""Circular validation: whether a fit from target predictions back to the source gives the source labels."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of
from headstart.evaluation.validators import deciding


@deciding
def circular(inputs: ValidatorInputs) -> float | None:
    """Share of source rows that get their label back from a fit of the same method in the opposite direction.

    That fit takes the candidate's predictions for target rows as labels and predicts source rows. In [0, 1]; None where it was
    not made.

    Limits: two errors that undo each other, such as two classes exchanged in both directions, are not detected.

    Reference: Bruzzone & Marconcini, "Domain Adaptation Problems: A DASVM Classification Technique and a Circular Validation
        Strategy", TPAMI 2010, section 4.
    """
    if inputs.circular_probs is None:
        return None
    return float(right_of(inputs.circular_probs, inputs.source_labels).mean())
