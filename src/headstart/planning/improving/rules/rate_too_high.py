"""Was the learning rate too high?"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

SUITED = {"adamw": 1e-3, "sgd": 1e-2}
"""Learning rates of a new head that seldom fail: those of the recipes in `Training`."""
AT_CHANCE = 0.05
"""Share of the way from chance to a perfect answer below which nothing was learned. Chosen, not measured."""
BURST = 1.5
"""Factor on the loss of chance: a larger loss means confident answers that are wrong, as after divergence. Chosen, not
measured."""
GAIN = 0.9


def rate_too_high(evidence: FitEvidence) -> Iterator[Proposal]:
    """A tenth of the learning rate, or the usual one where that is smaller, when training broke down or never left chance."""
    training = evidence.plan.training
    symptom = _symptom(evidence)
    if not symptom or not evidence.gradient:
        return
    lr = min(training.lr / 10, SUITED[training.optimizer])
    yield Proposal(evidence.trained(lr=lr), f"{symptom}: lower training.lr from {training.lr:g} to {lr:g}.", GAIN)


def _symptom(evidence: FitEvidence) -> str:
    """How the fit shows that steps were too large; empty where it does not."""
    curve, training = evidence.training_curve, evidence.plan.training
    if evidence.fitted is None or evidence.held_out is None:
        return "training broke down"
    if curve is None:
        return ""
    worst = float(curve.losses.max())
    if curve.attempts:
        return f"training broke down {curve.attempts} times before it held"
    # A new head knows no class shares either: where they are skewed, it begins far above them.
    if worst > BURST * max(curve.chance, log(evidence.task.num_classes), curve.losses[0]):
        return f"the training loss rose to {worst:.2f}, and the class shares alone give {curve.chance:.2f}"
    if curve.at_end < AT_CHANCE and training.lr > SUITED[training.optimizer]:
        return f"the training loss ended at chance ({curve.losses[-1]:.2f})"
    return ""
