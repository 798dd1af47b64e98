"""Are some classes much rarer than others?"""

from __future__ import annotations

import numpy as np

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

NOTEWORTHY = 3.0
SEVERE = 10.0
"""Ratios of the largest to the smallest class from which imbalance is reported, and is a warning. Chosen, not measured."""


def class_imbalance(task: Task) -> Finding | NotApplicable | None:
    """A finding when the largest class has three times the training images of the smallest, or more."""
    counts = task.train.class_counts
    if not counts.any():
        return NotApplicable(reason="no training image has a label")
    most, least = int(counts.argmax()), int(counts.argmin())
    ratio = counts[most] / max(1, counts[least])
    if ratio < NOTEWORTHY:
        return None
    return Finding(
        code="class-imbalance",
        severity="warning" if ratio >= SEVERE else "info",
        title=f'"{task.classes[most]}" has {ratio:.1f} times the training images of "{task.classes[least]}" '
        f"({counts[most]} against {counts[least]}).",
        evidence={
            "ratio": round(float(ratio), 3),
            "counts": {name: int(count) for name, count in zip(task.classes, counts, strict=True)},
            "majority_share": round(float(counts.max() / np.sum(counts)), 4),
        },
        advice="Judge by balanced accuracy or macro F1; plain accuracy rewards guessing the large classes.",
    )
