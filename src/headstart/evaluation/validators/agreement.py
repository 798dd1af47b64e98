"""Agreement: whether a candidate keeps what the unadapted model is sure of."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def agreement(evidence: ValidatorInputs) -> float | None:
    """Share of the target rows of which the unadapted model is sure that the candidate calls the same.

    Limits: under a large shift the unadapted model is sure of what is wrong, and whoever mends that scores low.

    Args:
        evidence: Of one candidate.

    Returns:
        In [0, 1]; None where the unadapted model is sure of no row.

    Reference: methods that adapt from confident rows rest on the same belief, such as Saito, Ushiku & Harada, "Asymmetric
        Tri-training for Unsupervised Domain Adaptation", ICML 2017.
    """
    sure = evidence.sure
    if not sure.any():
        return None
    return float(right_of(evidence.source_only_probs[sure], evidence.predicted[sure]).mean())
