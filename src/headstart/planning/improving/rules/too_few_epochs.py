"""Did training end too early?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FEW_EPOCHS = 3
FEW_STEPS = 60
"""Fewer steps than the moving averages of the optimizer and of the weights take to forget the beginning."""
STILL_LEARNING = 0.03
"""Share of everything to be learned that the last quarter brought over the third."""
LEARNED = 0.95
LONGER = 4
USUAL_EPOCHS = 12
MOST_EPOCHS = 10_000
GAIN = 0.7


def too_few_epochs(evidence: FitEvidence) -> Iterator[Proposal]:
    """Four times the epochs, twelve at least, when there were very few or the loss was still falling at the end.

    Args:
        evidence: Of a fit.

    Yields:
        One proposal.
    """
    course, epochs = evidence.course, evidence.plan.training.epochs
    if not evidence.gradient or (course and course.at_end > LEARNED):
        return
    if epochs <= FEW_EPOCHS or (course and course.steps < FEW_STEPS):
        seen = f"training was {epochs} epoch{'s' * (epochs > 1)}" + (f" or {course.steps} steps long" if course else " long")
    elif course and course.learned(0.75, 1.0) - course.learned(0.5, 0.75) > STILL_LEARNING:
        seen = f"the training loss was still falling after {epochs} epochs"
    else:
        return
    longer = min(max(USUAL_EPOCHS, LONGER * epochs), MOST_EPOCHS)
    if longer > epochs:
        yield Proposal(evidence.trained(epochs=longer), f"{seen}: raise training.epochs from {epochs} to {longer}.", GAIN)
