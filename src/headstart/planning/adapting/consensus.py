"""Consensus ensemble: the candidates that agree with one another, and whether their mean prediction is accepted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.validators import tolerances

LEAST_AGREEMENT = 0.90
"""A candidate is left out of the ensemble below this fraction of the best agreement with the mean. With 0.80, 0.85, 0.90 and
0.95 the ensemble had 91, 90, 92 and 86 % of the best method's gain over 20 cells of ten pairs of domains, and harmed 0, 0, 0 and
1 of them."""
MOST_MEMBERS = 4
"""The largest number of models that predict together; each has to be fitted, stored and run. With 3, 4, 5 and 8 of them the
ensemble had 87, 89, 88 and 89 % of the best gain, and harmed 1, 0, 1 and 0 of 24 cells: four are as good as eight."""
MOST_ROUNDS = 10
"""The largest number of rounds in which candidates are left out; each round leaves out at least one. Chosen, not measured."""
LARGEST_DISCREPANCY = 2.5e-4
"""The largest joint discrepancy that chance leaves to an ensemble that is right. Of 21 draws of a generated concept drift, where
the ensemble was right, 2 had more; of 23 draws of other class shares, where it was wrong, all but one."""
LEAST_GAIN = 0.03
"""The least gain in neighborhood and circular together for which an ensemble is accepted. Chosen, not measured."""
LEAST_STRICT_GAIN = 0.1
"""The least gain in neighborhood alone, where a simpler explanation of the target exists. Chosen, not measured."""
LEAST_NEIGHBORHOOD = 0.5
"""The least neighborhood score of an ensemble, as a fraction of that of the source labels. Chosen, not measured."""

Scores = Mapping[str, float | None]
"""Of one model, by validator; None where the validator does not apply."""


def consensus_of(probs: Mapping[str, Floats]) -> tuple[dict[str, float], tuple[str, ...]]:
    """How often each candidate agrees with the mean of the ensemble, in [0, 1], and the ensemble's members, the best first.

    The ensemble starts with all candidates. Those that agree with its mean much less than the best does are left out, and the
    mean is taken anew, until the members stay the same. `probs` are those of the candidates that are not degenerate, float
    [target, class].

    Reference: Hu, Luo, Liang & Foo, "Towards Reliable Model Selection for Unsupervised Domain Adaptation: An Empirical Study and
        A Certified Baseline", NeurIPS 2024, section 3, for agreement with the mean of all candidates.
    Differs: candidates far from the mean are left out of it, as most candidates may fail in the same way; and the members
        predict together, where the paper takes the one nearest to the mean.
    """
    members = list(probs)
    for _ in range(MOST_ROUNDS):
        predicted = np.mean([probs[name] for name in members], axis=0).argmax(axis=1)
        agreement = {name: float((one.argmax(axis=1) == predicted).mean()) for name, one in probs.items()}
        best = max(agreement[name] for name in members)
        staying = [name for name in members if agreement[name] >= LEAST_AGREEMENT * best]
        if staying == members:
            break
        members = staying
    return agreement, tuple(sorted(members, key=lambda name: -agreement[name]))


def fault_of(scores: Scores, unadapted: Scores, source_neighborhood: float, *, strict: bool) -> str:
    """Why an ensemble is rejected, as a part of a sentence; empty where it is accepted.

    Args:
        scores: Of the ensemble.
        unadapted: Of the unadapted model.
        source_neighborhood: The neighborhood score of source labels on source rows.
        strict: Whether a simpler explanation of the target exists. Then neighborhood alone must gain `LEAST_STRICT_GAIN`, and the
            joint discrepancy must be one that chance leaves.

    Returns:
        The fault.
    """
    worse = [
        name
        for name, tolerance in tolerances().items()
        if tolerance is not None and score_of(scores, name) < score_of(unadapted, name) - tolerance
    ]
    if worse:
        return f"it falls behind the unadapted model in {', '.join(worse)}"
    discrepancy = -score_of(scores, "joint_match")
    if strict and discrepancy > LARGEST_DISCREPANCY:
        return f"it leaves a joint discrepancy of {discrepancy:.4f}, where {LARGEST_DISCREPANCY} is the most"
    if score_of(scores, "neighborhood") < LEAST_NEIGHBORHOOD * source_neighborhood:
        return "neighbors in the target agree less than half as well as neighbors in the source"
    near, circular = (score_of(scores, name) - score_of(unadapted, name) for name in ("neighborhood", "circular"))
    if strict:
        return f"its gain of {near:.3f} in neighborhood is below {LEAST_STRICT_GAIN}" if near < LEAST_STRICT_GAIN else ""
    gain = near + circular
    return f"its gain of {gain:.3f} in neighborhood and circular together is below {LEAST_GAIN}" if gain < LEAST_GAIN else ""


def score_of(scores: Scores, validator: str) -> float:
    """A validator's score; -1 where the validator does not apply."""
    found = scores[validator]
    return -1.0 if found is None else found
