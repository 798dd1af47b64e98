"""Is there time left that could buy something?"""

from __future__ import annotations

from collections.abc import Iterator

from headstart.backbones.catalog import card_of, provider_of
from headstart.planning.improving.fit_evidence import FitEvidence, Proposal

LARGER = 1.5
"""Factor on the input side, up to the card's. Chosen, not measured."""
LONGER = 2
"""Factor on the epochs. Chosen, not measured."""
MOST_EPOCHS = 10_000
"""The most that `Training` allows."""
GAIN = 0.1


def budget_unspent(evidence: FitEvidence) -> Iterator[Proposal]:
    """Larger pictures up to the side that the network was trained on, then more epochs, while the user's minutes last."""
    plan, left = evidence.plan, evidence.left_seconds
    if left is None or left <= 0:
        return
    card = card_of(plan.pretrained)
    pixels = min(round(LARGER * plan.input_pixels), card.input_pixels)
    if provider_of(card).input_side == "chosen" and pixels > plan.input_pixels:
        reason = f"{left:.0f} s are left: raise input_pixels from {plan.input_pixels} to {pixels}."
        yield Proposal(evidence.changed(input_pixels=pixels), reason, GAIN)
    epochs = min(LONGER * plan.training.epochs, MOST_EPOCHS)
    if evidence.gradient and epochs > plan.training.epochs:
        reason = f"{left:.0f} s are left: raise training.epochs from {plan.training.epochs} to {epochs}."
        yield Proposal(evidence.trained(epochs=epochs), reason, GAIN)
