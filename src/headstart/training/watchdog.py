"""Watchdog: tells when training has broken down."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from scipy.special import entr

from headstart.core.types import UNLABELED, Integers
from headstart.training.schedule import num_warmup_steps
from headstart.training.settings import Training

MAX_ATTEMPTS = 4
"""The first attempt and three restarts, each at half the step size of the one before."""
WINDOW = 50
"""Steps whose mean loss is compared with chance, and steps after the warm-up before it is. Chosen, not measured."""
AT_CHANCE = 0.995
"""Share of the loss of chance above which a training counts as still at chance. Chosen, not measured."""


class BrokenDownError(Exception):
    """One attempt broke down; the message says how. The loop restarts or turns it into a `TrainingError`."""


def chance_loss(labels: Integers, num_classes: int, label_smoothing: float) -> float | None:
    """The entropy of the smoothed class shares, in nats: the loss of the best constant answer. None when no row has a label."""
    known = labels[labels != UNLABELED]
    if not len(known):
        return None
    shares = np.bincount(known, minlength=num_classes) / len(known)
    return float(entr((1 - label_smoothing) * shares + label_smoothing / num_classes).sum())


class Watchdog:
    """Checks each step's losses: none may be nan or infinite, and after the warm-up they must get below chance.

    Chance is judged once, `WINDOW` steps after the warm-up or one epoch after it if that is later, on the mean of the last
    `WINDOW` steps. Shorter trainings are not judged.

    Args:
        training: Names the warm-up.
        steps: Total number of steps.
        num_rows: Rows an epoch.
        chance: From `chance_loss`; None, or 0 for a single class, switches the second judgment off.
    """

    def __init__(self, training: Training, steps: int, num_rows: int, chance: float | None) -> None:
        after = max(WINDOW, math.ceil(num_rows / training.batch_size))
        self.checked_after = num_warmup_steps(training, steps) + after
        self.steps = steps
        self.chance = chance
        self.recent: deque[float] = deque(maxlen=WINDOW)

    def see(self, step: int, losses: dict[str, float]) -> None:
        """Take in the losses of one step, counted from 0; `BrokenDownError` when they are not finite or stayed at chance."""
        if not all(math.isfinite(value) for value in losses.values()):
            total = sum(losses.values())
            terms = ", ".join(f"{name}={value:g}" for name, value in losses.items())
            raise BrokenDownError(f"loss became {total:g} at step {step + 1} of {self.steps} ({terms})")
        if "cross_entropy" not in losses or not self.chance:
            return
        self.recent.append(losses["cross_entropy"])
        if step + 1 == self.checked_after and sum(self.recent) / len(self.recent) > AT_CHANCE * self.chance:
            mean = sum(self.recent) / len(self.recent)
            raise BrokenDownError(
                f"cross_entropy={mean:.3f} was still at chance ({self.chance:.3f}) at step {step + 1} of {self.steps}"
            )
