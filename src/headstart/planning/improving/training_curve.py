"""The training curve: the loss of a fit, on a scale that does not depend on the task."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import xlogy

from headstart.core.types import Floats, Integers
from headstart.training.history import read_history
from headstart.training.settings import Training
from headstart.training.watchdog import chance_loss

LOSS = "cross_entropy"


@dataclass(frozen=True)
class TrainingCurve:
    """The cross-entropy of the last attempt of a fit.

    Attributes:
        losses: float64 [line], in the order of the steps.
        steps: Steps taken.
        attempts: Attempts that broke down before this one.
        chance: The loss of the best constant answer; where the training balances classes, they share the rows equally.
        floor: The loss of a perfect answer, which label smoothing keeps above zero.
    """

    losses: Floats = field(repr=False)
    steps: int
    attempts: int
    chance: float
    floor: float

    def learned(self, first: float, last: float) -> float:
        """Mean decrease of the loss between two shares of the steps: 0 at chance, 1 at a perfect answer, negative above
        chance.
        """
        begin = min(int(first * len(self.losses)), len(self.losses) - 1)
        stretch = self.losses[begin : max(begin + 1, round(last * len(self.losses)))]
        return float((self.chance - stretch.mean()) / (self.chance - self.floor))

    @property
    def at_end(self) -> float:
        """How much was learned in the last tenth."""
        return self.learned(0.9, 1.0)


def training_curve_of(folder: Path, training: Training, labels: Integers, num_classes: int) -> TrainingCurve | None:
    """The training curve of the longest fit below a workspace; gradual unfreezing has a folder for each stage there.

    The labels [sample] are those of the rows that were fitted. None without a history of a cross-entropy, or of one class alone.
    """
    shown = labels if training.balance == "none" else np.unique(labels)
    chance = chance_loss(shown, num_classes, training.label_smoothing)
    histories = [read_history(path) for path in sorted(folder.rglob("history.jsonl"))]
    histories = [[line for line in lines if LOSS in line["losses"]] for lines in histories]
    lines = max(histories, key=lambda lines: lines[-1]["step"] if lines else 0, default=[])
    if not lines or not chance:
        return None
    attempts = int(lines[-1]["attempt"])
    losses = np.array([line["losses"][LOSS] for line in lines if line["attempt"] == attempts])
    return TrainingCurve(losses, int(lines[-1]["step"]), attempts, chance, _perfect(training.label_smoothing, num_classes))


def _perfect(label_smoothing: float, num_classes: int) -> float:
    """The entropy of a smoothed label."""
    rest = label_smoothing / num_classes
    right = 1 - label_smoothing + rest
    return float(-xlogy(right, right) - (num_classes - 1) * xlogy(rest, rest))
