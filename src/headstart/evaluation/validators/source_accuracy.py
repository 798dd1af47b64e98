"""Source accuracy: what is left of the source task."""

from __future__ import annotations

from headstart.evaluation.validator_inputs import ValidatorInputs, right_of


def source_accuracy(evidence: ValidatorInputs) -> float | None:
    """Share of held-out source rows that are predicted right.

    Limits: it knows nothing of the target, and prefers the unadapted model wherever domains differ. A fall says that the
    adaptation broke what was known.

    Args:
        evidence: Of one candidate.

    Returns:
        In [0, 1]; None where the candidate has no predictions of held-out source rows.

    Reference: the "source validation" baseline of Musgrave, Belongie & Lim, "Three New Validators and a Large-Scale Benchmark
        Ranking for Unsupervised Domain Adaptation", arXiv 2208.07360, section 3.
    """
    if evidence.held_probs is None or not len(evidence.held_labels):
        return None
    return float(right_of(evidence.held_probs, evidence.held_labels).mean())
