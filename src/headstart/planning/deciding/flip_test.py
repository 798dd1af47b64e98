"""May pictures be mirrored? Digits may not; asked of held-out rows, before anything is trained on mirrored ones."""

from __future__ import annotations

import time
from pathlib import Path

from headstart.backbones.backbone import Backbone
from headstart.core.predictions import Predictions, joined
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.core.types import Integers
from headstart.data.flipped import flipped
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.heads import ridge_head
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import fold_inputs
from headstart.planning.deciding.verdict import Side, advantage

MOST_ROWS = 1_000
"""Rows of a fold that are looked at: enough to tell, and seconds on two cores."""
SURE = 1.645
"""Standard errors of a one-sided 95 % bound. Digits with 5 or 20 labels a class show gains below one standard error by chance."""


class FlipTest(Record):
    """What mirrored copies of the training rows do to a ridge head.

    Attributes:
        helps: Whether held-out rows are then predicted with a log loss that is lower beyond noise, and no less often right.
        accuracy_gain: On held-out rows, as a share.
        log_loss_gain: By how much the mean log loss falls.
        standard_errors: The same in standard errors.
        num_rows: Held-out rows.
        seconds: What it took to find out.
    """

    helps: bool
    accuracy_gain: float
    log_loss_gain: float
    standard_errors: float
    num_rows: int
    seconds: float

    def __str__(self) -> str:
        """The sentence for a reader."""
        then = "training mirrors half of them" if self.helps else "training mirrors none"
        return (
            f"With mirrored copies of the pictures a ridge head gains {100 * self.accuracy_gain:+.1f} points out of fold and its "
            f"log loss falls by {self.log_loss_gain:+.3f} ({self.standard_errors:+.1f} standard errors): {then}."
        )


def flip_test(task: Task, candidate: Candidate, backbone: Backbone, steps: Steps) -> FlipTest:
    """Whether mirrored copies of the training rows help, measured out of fold.

    Args:
        task: With folds.
        candidate: The closed form whose backbone sees the pictures.
        backbone: Its backbone.
        steps: Where the answer is kept and found.

    Returns:
        The answer.
    """

    def make(_: Path) -> FlipTest:
        begun = time.perf_counter()
        parts: tuple[list[Predictions], list[Predictions]] = ([], [])
        for fold in task.folds:
            fit, held = (task.labeled.take(_some(rows)) for rows in (fold.fit, fold.held))
            for found, rows in zip(parts, (fit, concatenate(fit, flipped(fit))), strict=True):
                found.append(_predicted(rows, held, backbone))
        plain, both = (joined(found) for found in parts)
        ahead = advantage(Side("mirrored", both), Side("plain", plain))
        gain = float(both.correct.mean() - plain.correct.mean())
        lower = float(plain.log_losses.mean() - both.log_losses.mean())
        helps = ahead > SURE and gain >= 0
        return FlipTest(
            helps=helps,
            accuracy_gain=gain,
            log_loss_gain=lower,
            standard_errors=ahead,
            num_rows=len(plain),
            seconds=time.perf_counter() - begun,
        )

    return steps.run("mirroring", fold_inputs(task, candidate, backbone, 0), FlipTest, make)


def _some(rows: Integers) -> Integers:
    return rows[:: -(-len(rows) // MOST_ROWS)]


def _predicted(rows: ImageSet, held: ImageSet, backbone: Backbone) -> Predictions:
    head, temperature = ridge_head(features_of(rows, backbone), rows.labels, rows.num_classes, groups=rows.groups)
    return Model(backbone, head, temperature, rows.classes).predict(held)
