"""Is one class found far less often than the others?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FAR = 0.3
"""Below the median recall of the other classes."""
FEWEST_ROWS = 5
RARE = 1 / 3
"""Of the training rows of the largest class; where `class-imbalance` begins too."""
GAIN = 0.8
"""More than longer training promises, which takes time: weights take none."""


def bad_class(evidence: FitEvidence) -> Iterator[Proposal | Finding]:
    """Class weights, then balanced sampling, for a rare class that training can weigh.

    Else advice that names what it is taken for.

    Args:
        evidence: Of a fit.

    Yields:
        A proposal or a finding, for the worst class.
    """
    recalls, held = evidence.recalls, evidence.held
    if held is None or np.isnan(recalls).sum() > len(recalls) - 2:
        return
    worst = int(np.nanargmin(recalls))
    rest = float(np.nanmedian(np.delete(recalls, worst)))
    rows = held.labels == worst
    if rest - recalls[worst] < FAR or rows.sum() < FEWEST_ROWS:
        return
    name = evidence.task.classes[worst]
    seen = f'"{name}" is found in {recalls[worst]:.0%} of its {rows.sum()} held-out images, other classes in {rest:.0%}'
    counts = evidence.task.labeled.class_counts
    if counts[worst] < RARE * counts.max() and evidence.gradient and evidence.plan.training.balance == "none":
        reason = f"{seen}, and it is rare: let rare classes count more (training.balance)."
        for balance in ("weights", "sampling"):
            yield Proposal(evidence.trained(balance=balance), reason, GAIN, aim="balanced accuracy")
        return
    taken = np.bincount(held.predicted[rows], minlength=len(recalls))
    taken[worst] = -1
    other = evidence.task.classes[int(taken.argmax())]
    yield Finding(
        code="weak-class",
        severity="warning",
        title=f"{seen}.",
        evidence={"class": name, "recall": round(float(recalls[worst]), 4), "others": round(rest, 4), "taken_for": other},
        advice=f'Look at images of "{name}" that are taken for "{other}", and add labeled ones.',
    )
