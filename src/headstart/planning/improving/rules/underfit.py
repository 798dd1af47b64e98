"""Is the model too restrained to fit even what it was shown?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FITTED_ERROR = 0.05
PART = 0.7
"""Of the held-out error, what is wrong on fitted rows too."""
GAIN = 0.3


def underfit(evidence: FitEvidence) -> Iterator[Proposal]:
    """Less of what holds training back, when fitted rows are wrong nearly as often as held-out ones.

    Where nothing of the kind is set, the plan is underfit for another reason, which other rules look for.

    Args:
        evidence: Of a fit.

    Yields:
        One proposal, where something holds it back.
    """
    error, training, method = evidence.fitted_error, evidence.plan.training, evidence.plan.method
    if not evidence.gradient or evidence.fitted is None or error < FITTED_ERROR or error < PART * evidence.held_error:
        return
    freer = evidence.trained(label_smoothing=0.0, mix="none", sharpness=0.0, weight_decay=training.weight_decay / 10)
    if method.get("view") == "weak":
        freer = freer.model_copy(update={"method": {**method, "view": "plain"}})
    if (freer.method, freer.training) == (evidence.plan.method, training):
        return
    reason = f"{error:.1%} of fitted images are wrong, and {evidence.held_error:.1%} of held-out ones: hold training back less."
    yield Proposal(freer, reason, GAIN)
