"""Were the steps too large?"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

SUITED = {"adamw": 1e-3, "sgd": 1e-2}
"""Step sizes of a new head that seldom fail: those of the recipes in `Training`."""
AT_CHANCE = 0.05
BURST = 1.5
"""A loss so many times that of knowing nothing means confident answers that are wrong: the weights were thrown about."""
GAIN = 0.9


def rate_too_high(evidence: FitEvidence) -> Iterator[Proposal]:
    """A tenth of the step size, or the usual one where that is smaller, when training broke down or never left chance.

    Args:
        evidence: Of a fit.

    Yields:
        One proposal.
    """
    training = evidence.plan.training
    seen = _seen(evidence)
    if not seen or not evidence.gradient:
        return
    lr = min(training.lr / 10, SUITED[training.optimizer])
    yield Proposal(evidence.trained(lr=lr), f"{seen}: lower training.lr from {training.lr:g} to {lr:g}.", GAIN)


def _seen(evidence: FitEvidence) -> str:
    """What speaks for steps that were too large; empty where nothing does."""
    course, training = evidence.course, evidence.plan.training
    if evidence.fitted is None or evidence.held is None:
        return "training broke down"
    if course is None:
        return ""
    worst = float(course.losses.max())
    if course.attempts:
        return f"training broke down {course.attempts} times before it held"
    # A new head knows no class shares either: where they are skewed, it begins far above them.
    if worst > BURST * max(course.chance, log(evidence.task.num_classes), course.losses[0]):
        return f"the training loss rose to {worst:.2f}, and the class shares alone give {course.chance:.2f}"
    if course.at_end < AT_CHANCE and training.lr > SUITED[training.optimizer]:
        return f"the training loss ended at chance ({course.losses[-1]:.2f})"
    return ""
