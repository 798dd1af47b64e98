"""Did training end too early?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

FEW_EPOCHS = 3
"""On the embedded set LP-FT reaches 62 % in 3 epochs and 68 % in 6 (EfficientNet-Lite0 at 160 pixels, one fold)."""
FEW_STEPS = 60
"""Fewer steps than the moving averages of the optimizer and of the weights take to forget the beginning."""
STILL_LEARNING = 0.03
"""What the last quarter of the steps learned more than the third, as a share of the way to a perfect answer. Chosen, not
measured."""
LEARNED = 0.95
"""Share of the way to a perfect answer from which on longer training has nothing to learn. Chosen, not measured."""
LONGER = 4
"""Factor on the epochs: two epochs on digits and Fashion-MNIST become twelve, and accuracy rises from 0.14 to 0.88 and from 0.23
to 0.64 (`python -m benchmarks.adjusting`)."""
USUAL_EPOCHS = 12
"""The default of `Training`."""
MOST_EPOCHS = 10_000
"""The most that `Training` allows."""
GAIN = 0.7


def too_few_epochs(evidence: FitEvidence) -> Iterator[Proposal]:
    """The steps that time took away; else four times the epochs, twelve at least.

    The epochs are raised when there were very few or the loss was still falling at the end.
    """
    curve, epochs = evidence.training_curve, evidence.plan.training.epochs
    if not evidence.gradient or (curve and curve.at_end > LEARNED):
        return
    if stopped := evidence.plan.training.stop_after:
        reason = f"training ended after {stopped:,} steps, before its schedule did: let it go on to the end of {epochs} epochs."
        yield Proposal(evidence.trained(), reason, GAIN)
        return
    if epochs <= FEW_EPOCHS or (curve and curve.steps < FEW_STEPS):
        symptom = f"training was {epochs} epoch{'s' * (epochs > 1)}" + (f" or {curve.steps} steps long" if curve else " long")
    elif curve and curve.learned(0.75, 1.0) - curve.learned(0.5, 0.75) > STILL_LEARNING:
        symptom = f"the training loss was still falling after {epochs} epochs"
    else:
        return
    longer = min(max(USUAL_EPOCHS, LONGER * epochs), MOST_EPOCHS)
    if longer > epochs:
        yield Proposal(evidence.trained(epochs=longer), f"{symptom}: raise training.epochs from {epochs} to {longer}.", GAIN)
