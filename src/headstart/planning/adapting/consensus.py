"""Consensus ensemble: the candidates that agree with one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from headstart.core.types import Floats

LEAST_AGREEMENT = 0.90
"""A candidate is left out of the ensemble below this fraction of the best agreement with the mean. With 0.80, 0.85, 0.90 and
0.95 the ensemble had 91, 90, 92 and 86 % of the best method's gain over 20 cells of ten pairs of domains, and harmed 0, 0, 0 and
1 of them."""
MOST_MEMBERS = 4
"""The largest number of models that predict together, besides what builds on them; each has to be fitted, stored and run. With 3,
4, 5 and 8 of them the ensemble had 87, 89, 88 and 89 % of the best gain, and harmed 1, 0, 1 and 0 of 24 cells: four are as good
as eight."""


def agreeing_with(members: Sequence[str], others: Iterable[str], probs: Mapping[str, Floats]) -> tuple[str, ...]:
    """Those of the others that agree with the mean of members as much as `consensus_of` asks of a member."""
    predicted = np.mean([probs[name] for name in members], axis=0).argmax(axis=1)
    agreement = {name: float((probs[name].argmax(axis=1) == predicted).mean()) for name in (*members, *others)}
    best = max(agreement[name] for name in members)
    return tuple(name for name in others if agreement[name] >= LEAST_AGREEMENT * best)


def consensus_of(probs: Mapping[str, Floats]) -> tuple[str, ...]:
    """The members of the ensemble of candidates that agree with its mean, the one that agrees most often first.

    The ensemble starts with all candidates. Those that agree with its mean much less than the best does are left out, and the
    mean is taken anew, until the members stay the same. `probs` are float [target, class] by candidate.

    Reference: Hu, Luo, Liang & Foo, "Towards Reliable Model Selection for Unsupervised Domain Adaptation: An Empirical Study and
        A Certified Baseline", NeurIPS 2024, section 3, for agreement with the mean of all candidates.
    Differs: candidates far from the mean are left out of it, as most candidates may fail in the same way; and the members
        predict together, where the paper takes the one nearest to the mean.
    """
    members: list[str] = []
    staying = list(probs)
    while staying != members:
        members = staying
        predicted = np.mean([probs[name] for name in members], axis=0).argmax(axis=1)
        agreement = {name: float((one.argmax(axis=1) == predicted).mean()) for name, one in probs.items()}
        best = max(agreement[name] for name in members)
        staying = [name for name in members if agreement[name] >= LEAST_AGREEMENT * best]
    return tuple(sorted(members, key=lambda name: -agreement[name]))
