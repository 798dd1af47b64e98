"""Does the model overfit?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FITTED_ERROR = 0.02
"""Share of fitted rows that may be wrong. Chosen, not measured."""
GAP = 0.1
"""Held-out error minus fitted error. Chosen, not measured."""
GAIN = 0.3


def overfit(evidence: FitEvidence) -> Iterator[Proposal]:
    """Augmentation, then mixup, then less to train, when fitted rows are right and held-out ones are not."""
    plan, error = evidence.plan, evidence.held_out_error
    if not evidence.gradient or evidence.fitted_error > FITTED_ERROR or error - evidence.fitted_error < GAP:
        return
    symptom = f"{evidence.fitted_error:.1%} of fitted images are wrong, and {error:.1%} of held-out ones"
    if plan.method.get("view") == "plain":
        yield Proposal(evidence.changed(method={**plan.method, "view": "weak"}), f"{symptom}: vary the pictures.", GAIN)
    if plan.training.mix == "none":
        yield Proposal(evidence.trained(mix="mixup"), f"{symptom}: blend pictures in pairs (training.mix).", GAIN)
    if plan.weights != "none":
        ridge = settings_of(method_from({"kind": "ridge"}))
        yield Proposal(evidence.changed(method=ridge), f"{symptom}: leave the network as it is and fit a head.", GAIN)
