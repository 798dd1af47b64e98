"""IWCV: the source error, weighted to stand for the target."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def iwcv(evidence: ValidatorInputs) -> float | None:
    """Minus the error on held-out source rows, each row counted as often as it is likelier in the target.

    Limits: right only under covariate shift, where the same features mean the same class in both domains; where domains hardly
    overlap a few rows carry all the weight.

    Args:
        evidence: Of one candidate.

    Returns:
        At most 0; None without predictions or weights of held-out source rows.

    Reference: Sugiyama, Krauledat & Mueller, "Covariate Shift Adaptation by Importance Weighted Cross Validation", JMLR 2007,
        eq. 4, with the 0/1 loss.
    """
    if evidence.held_probs is None or evidence.held_weights is None or not len(evidence.held_labels):
        return None
    wrong = 1.0 - right_of(evidence.held_probs, evidence.held_labels)
    return float(-(evidence.held_weights * wrong).mean())
