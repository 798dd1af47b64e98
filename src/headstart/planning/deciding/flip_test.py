"""May pictures be flipped? Digits may not; asked of held-out rows, before anything is trained on flipped ones."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.predictions import Predictions, joined
from headstart.core.records import Record
from headstart.core.spacing import every_nth
from headstart.core.steps import Steps
from headstart.data.flipped import flipped
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.heads import ridge_head
from headstart.methods.model import Model
from headstart.planning.deciding.verdict import ONE_SIDED_95, Side, advantage

MOST_ROWS = 1_000
"""Rows of a fold that are used: their features take seconds on two cores, and the standard error of an accuracy is 1.6 points at
most."""


class FlipTest(Record):
    """What flipped copies of the training rows do to a ridge head.

    Attributes:
        helps: Whether the log loss of held-out rows is then lower at the one-sided 5 % level, and their accuracy is no lower.
            Digits with 5 or 20 labels a class show gains below one standard error by chance.
        accuracy_gain: On held-out rows, as a share.
        log_loss_gain: By how much the mean log loss falls.
        standard_errors: The same in standard errors.
        num_rows: Held-out rows.
        seconds: What the test took.
    """

    helps: bool
    accuracy_gain: float
    log_loss_gain: float
    standard_errors: float
    num_rows: int
    seconds: float

    def __str__(self) -> str:
        """The sentence for a reader."""
        then = "training flips half of them" if self.helps else "training flips none"
        return (
            f"With flipped copies of the pictures a ridge head gains {100 * self.accuracy_gain:+.1f} points out of fold and its "
            f"log loss falls by {self.log_loss_gain:+.3f} ({self.standard_errors:+.1f} standard errors): {then}."
        )


def num_flipped(task: Task) -> int:
    """Pictures whose flipped copies the test reads."""
    return len(np.unique(np.concatenate([every_nth(fold.fit, MOST_ROWS) for fold in task.folds])))


def flip_test(task: Task, backbone: Backbone, steps: Steps) -> FlipTest:
    """Whether flipped copies of the training rows help a ridge head on a backbone's features, measured on the task's folds."""

    def make(_: Path) -> FlipTest:
        begun = time.perf_counter()
        held_out: tuple[list[Predictions], list[Predictions]] = ([], [])
        for fold in task.folds:
            fit, test_rows = (task.labeled.take(every_nth(rows, MOST_ROWS)) for rows in (fold.fit, fold.held_out))
            for found, rows in zip(held_out, (fit, concatenate(fit, flipped(fit))), strict=True):
                found.append(_predicted(rows, test_rows, backbone))
        plain, both = (joined(found) for found in held_out)
        standard_errors = advantage(Side("flipped", both), Side("plain", plain))
        gain = float(both.correct.mean() - plain.correct.mean())
        return FlipTest(
            helps=standard_errors > ONE_SIDED_95 and gain >= 0,
            accuracy_gain=gain,
            log_loss_gain=float(plain.log_losses.mean() - both.log_losses.mean()),
            standard_errors=standard_errors,
            num_rows=len(plain),
            seconds=time.perf_counter() - begun,
        )

    side = backbone.transform.pixels
    return steps.run("flip_test", {"task": task.fingerprint, "backbone": backbone.weights_hash, "pixels": side}, FlipTest, make)


def _predicted(rows: ImageSet, held_out: ImageSet, backbone: Backbone) -> Predictions:
    head, temperature = ridge_head(features_of(rows, backbone), rows.labels, rows.num_classes, groups=rows.groups)
    return Model(backbone, head, temperature, rows.classes).predict(held_out)
