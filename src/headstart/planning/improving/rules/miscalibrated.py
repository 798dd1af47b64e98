"""Are the probabilities over- or underconfident?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.core.seeds import generator_for
from headstart.evaluation.calibration import calibration_error
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

LARGE_ERROR = 0.03
"""Lower end of the 95 % interval of the expected calibration error. Chosen, not measured."""
DRAWS = 1_000
"""Of the bootstrap of that interval."""
GAIN = 0.05


def miscalibrated(evidence: FitEvidence) -> Iterator[Proposal]:
    """The temperature that held-out scores ask for, when confidence and accuracy differ beyond noise.

    Closed forms set their temperature from leave-one-out scores themselves.
    """
    now, wanted = evidence.deployed, evidence.cross_validated.calibration
    if now is None or wanted["temperature"] is None:
        return
    generator = generator_for(evidence.task.seed, "calibration")
    error = calibration_error(now.probs, now.labels, now.groups, DRAWS, generator)
    if error.low < LARGE_ERROR:
        return
    confidence = float(now.probs.max(axis=1).mean())
    shares = ", ".join(f"{share:.2f}" for share in evidence.cross_validated.shares)
    setting = f"shares to {shares}" if shares else f"temperature to {wanted['temperature']:.2f}"
    reason = (
        f"held-out images are predicted with a mean confidence of {confidence:.1%} and an accuracy of {now.correct.mean():.1%}: "
        f"set {setting}."
    )
    yield Proposal(evidence.plan.model_copy(update=wanted), reason, GAIN, aim="log loss")
