"""Is one class found far less often than the others?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FAR = 0.3
"""The class's recall is at least this far below the median recall of the others. Chosen, not measured."""
FEWEST_ROWS = 5
"""Held-out rows of the class, at least: with fewer, one image changes its recall by more than 20 points."""
RARE = 1 / 3
"""A class with fewer training rows than this share of the largest class is rare; the check `class-imbalance` has the same."""
GAIN = 0.8
"""Above longer training, which takes time: weights take none."""


def bad_class(evidence: FitEvidence) -> Iterator[Proposal | Finding]:
    """Class weights, then balanced sampling, for a rare class; else advice that names the class it is confused with."""
    recalls, held_out = evidence.recalls, evidence.held_out
    if held_out is None or np.isnan(recalls).sum() > len(recalls) - 2:
        return
    worst = int(np.nanargmin(recalls))
    rest = float(np.nanmedian(np.delete(recalls, worst)))
    rows = held_out.labels == worst
    if rest - recalls[worst] < FAR or rows.sum() < FEWEST_ROWS:
        return
    name = evidence.task.classes[worst]
    symptom = f'"{name}" is found in {recalls[worst]:.0%} of its {rows.sum()} held-out images, other classes in {rest:.0%}'
    counts = evidence.task.labeled.class_counts
    if counts[worst] < RARE * counts.max() and evidence.gradient and evidence.plan.training.balance == "none":
        reason = f"{symptom}, and it is rare: let rare classes count more (training.balance)."
        for balance in ("weights", "sampling"):
            yield Proposal(evidence.trained(balance=balance), reason, GAIN, aim="balanced accuracy")
        return
    taken = np.bincount(held_out.predicted[rows], minlength=len(recalls))
    taken[worst] = -1
    other = evidence.task.classes[int(taken.argmax())]
    yield Finding(
        code="weak-class",
        severity="warning",
        title=f"{symptom}.",
        evidence={"class": name, "recall": round(float(recalls[worst]), 4), "others": round(rest, 4), "taken_for": other},
        advice=f'Look at images of "{name}" that are taken for "{other}", and add labeled ones.',
    )
