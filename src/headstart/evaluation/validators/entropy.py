"""Entropy: how sure a candidate is of the target rows."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, entropies


def entropy(evidence: ValidatorInputs) -> float | None:
    """Minus the mean entropy of the predictions for target rows.

    Limits: a model that calls every row the same class with full confidence scores best of all.

    Args:
        evidence: Of one candidate.

    Returns:
        Between minus log C and 0, in nats.

    Reference: Morerio, Cavazza & Murino, "Minimal-Entropy Correlation Alignment for Unsupervised Deep Domain Adaptation", ICLR
        2018, section 3.2.
    """
    return float(-entropies(evidence.target_probs).mean())
