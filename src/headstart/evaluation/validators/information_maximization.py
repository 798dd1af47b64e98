"""Information maximization: sure of every row, and of all classes over all rows."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, entropies


def information_maximization(evidence: ValidatorInputs) -> float | None:
    """Entropy of the mean prediction minus the mean entropy of the predictions: the information that rows carry about classes.

    Limits: it wants classes of equal size, and so speaks against whoever finds the true shares of an unbalanced target.

    Args:
        evidence: Of one candidate.

    Returns:
        Between 0 and log C, in nats.

    Reference: Shi & Sha, "Information-Theoretical Learning of Discriminative Clusters for Unsupervised Domain Adaptation", ICML
        2012, eq. 3.
    """
    probs = evidence.target_probs
    return float(entropies(probs.mean(axis=0, keepdims=True))[0] - entropies(probs).mean())
