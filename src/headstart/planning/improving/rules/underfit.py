"""Does the model underfit?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FITTED_ERROR = 0.05
"""Share of wrong fitted rows, at least. Chosen, not measured."""
PART = 0.7
"""The fitted error is at least this share of the held-out error. Chosen, not measured."""
GAIN = 0.3


def underfit(evidence: FitEvidence) -> Iterator[Proposal]:
    """Less regularization, when fitted rows are wrong nearly as often as held-out ones; nothing where none is set."""
    error, training, method = evidence.fitted_error, evidence.plan.training, evidence.plan.method
    if not evidence.gradient or evidence.fitted is None or error < FITTED_ERROR or error < PART * evidence.held_out_error:
        return
    freer = evidence.trained(label_smoothing=0.0, mix="none", sharpness=0.0, weight_decay=training.weight_decay / 10)
    if method.get("view") == "weak":
        freer = freer.model_copy(update={"method": {**method, "view": "plain"}})
    if (freer.method, freer.training) == (evidence.plan.method, evidence.trained().training):
        return
    reason = (
        f"{error:.1%} of fitted images are wrong, and {evidence.held_out_error:.1%} of held-out ones: hold training back less."
    )
    yield Proposal(freer, reason, GAIN)
