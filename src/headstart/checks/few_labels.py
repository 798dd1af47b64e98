"""Are there too few labels to compare candidates?"""

from __future__ import annotations

from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task

FEW = 10
VERY_FEW = 5
"""Training images of a class below which the finding is made, and is a warning. Chosen, not measured."""


def few_labels(task: Task) -> Finding | NotApplicable | None:
    """A finding when a class has fewer than ten training images; none where a source has all the labels."""
    counts = task.train.class_counts
    if not counts.any():
        return NotApplicable(reason="no training image has a label")
    poor = {name: int(count) for name, count in zip(task.classes, counts, strict=True) if count < FEW}
    if not poor:
        return None
    least = min(poor.values())
    return Finding(
        code="few-labels",
        severity="warning" if least < VERY_FEW else "info",
        title=f"{len(poor)} of {task.num_classes} classes have fewer than {FEW} training images; the smallest has {least}.",
        evidence={"counts": poor, "least": least},
        advice="Expect wide intervals and candidates that cannot be told apart; more labels help more than more training.",
    )
