"""Accord: the candidates that agree with one another, and whether what they say together can be trusted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.validators import tolerances

AGREEING = 0.85
"""Of the best agreement with the mean: candidates below it are not part of the accord. With 0.80, 0.85, 0.90 and 0.95 the accord
had 91, 90, 92 and 86 % of the best method's gain over 20 cells of ten pairs of domains, and harmed 0, 0, 0 and 1 of them."""
MOST_TOGETHER = 8
"""Models that predict together at most: each has to be fitted, kept and asked. With 3, 4, 5 and 8 of them the accord had 87, 89,
88 and 89 % of the best gain, and harmed 1, 0, 1 and 0 of 24 cells."""
MOST_ROUNDS = 10
LARGEST_GAP = 2.5e-4
"""Of the joint distribution, which chance leaves to an accord that is right. Of 21 draws of a generated concept drift, where the
accord was right, 2 had more, of 23 of other class shares all but one."""
LEAST_GAIN = 0.03
"""Of neighborhood and circular together, for the accord to be believed."""
SURE_GAIN = 0.1
"""Of neighborhood alone, where something simpler would explain the target as well."""
COMPARABLE = 0.5
"""Of the source's own neighborhood value: the least that a believable target has."""

Values = Mapping[str, float | None]
"""By validator."""


def consensus_of(probs: Mapping[str, Floats]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Who agrees with the mean of those who agree.

    The mean over all candidates is taken; those that agree with it much less than the best does are left out of it, and so on
    until nobody is.

    Args:
        probs: Of each candidate that has not collapsed, float [target, class].

    Returns:
        How often each agrees with the last mean, in [0, 1], and the names of those that are part of it, the best first.

    Reference: Hu, Luo, Liang & Foo, "Towards Reliable Model Selection for Unsupervised Domain Adaptation: An Empirical Study and
        A Certified Baseline", NeurIPS 2024, section 3, for agreement with the mean of all candidates.
    Differs: candidates far from the mean are taken out of it, as most of them may fail in the same way; and those that stay
        predict together, where the paper takes the one nearest to the mean.
    """
    members = list(probs)
    for _ in range(MOST_ROUNDS):
        said = np.mean([probs[name] for name in members], axis=0).argmax(axis=1)
        agreement = {name: float((one.argmax(axis=1) == said).mean()) for name, one in probs.items()}
        best = max(agreement[name] for name in members)
        staying = [name for name in members if agreement[name] >= AGREEING * best]
        if staying == members:
            break
        members = staying
    return agreement, tuple(sorted(members, key=lambda name: -agreement[name]))


def fault_of(values: Values, unadapted: Values, own: float, *, sure: bool) -> str:
    """Why the accord cannot be trusted, as a sentence without its subject; empty where it can.

    Args:
        values: What validators say of the accord.
        unadapted: What they say of the unadapted model.
        own: The neighborhood value of source labels on source rows.
        sure: Whether something simpler explains the target as well, so that neighborhood alone must gain `SURE_GAIN`, and the
            joint gap must be what chance leaves.

    Returns:
        The sentence.
    """
    most = {name: tolerance for name, tolerance in tolerances().items() if tolerance is not None}
    falls = [name for name in most if value_of(values, name) < value_of(unadapted, name) - most[name]]
    if falls:
        return f"it falls behind the unadapted model in {', '.join(falls)}"
    gap = -value_of(values, "joint_match")
    if sure and gap > LARGEST_GAP:
        return f"it leaves a joint gap of {gap:.4f}, where {LARGEST_GAP} is the most"
    if value_of(values, "neighborhood") < COMPARABLE * own:
        return "neighbors in the target agree less than half as well as neighbors in the source"
    near, circular = (value_of(values, juror) - value_of(unadapted, juror) for juror in ("neighborhood", "circular"))
    gain, least = (near, SURE_GAIN) if sure else (near + circular, LEAST_GAIN)
    return f"its gain of {gain:.3f} in what the jurors look at is below {least}" if gain < least else ""


def value_of(values: Values, juror: str) -> float:
    """What a validator says; -1 where it has nothing to say."""
    found = values[juror]
    return -1.0 if found is None else found
