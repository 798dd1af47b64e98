"""Cross-validation of a candidate for outputs: scores of held-out images, every fold a step that a restart finds again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.arrays import read_arrays, write_arrays
from headstart.core.errors import DamagedError, TrainingError
from headstart.core.steps import Steps
from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold, stratified_folds
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.fits import FITS
from headstart.multioutput.member import Member
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.task import OutputTask
from headstart.planning.cross_validation import FoldRecord, fold_record

SCORES = "scores.safetensors"
MEMBER = "member"


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of images that a candidate was not fitted to.

    Attributes:
        rows: int64 [held-out sample]: which of the labeled images, each once.
        folds: int64 [held-out sample]: which fold held each out.
        scores: float64 [held-out sample, output].
    """

    rows: Integers = field(repr=False)
    folds: Integers = field(repr=False)
    scores: Floats = field(repr=False)

    def take(self, index: Integers) -> HeldOutScores:
        """Those of them."""
        return HeldOutScores(self.rows[index], self.folds[index], self.scores[index])


@dataclass(frozen=True)
class ValidatedOutputs:
    """A candidate with what it says about held-out images.

    Attributes:
        candidate: What was fitted to each fold.
        held_out: Its scores.
        values: float64 [held-out sample, output]: what it says, by links that other folds calibrate.
        thresholds: float64 [held-out sample, output], likewise.
        seconds: What its fits took.
    """

    candidate: OutputCandidate
    held_out: HeldOutScores
    values: Floats = field(repr=False)
    thresholds: Floats = field(repr=False)
    seconds: float = 0.0

    @property
    def num_folds(self) -> int:
        """Folds that it was fitted to."""
        return int(self.held_out.folds.max()) + 1

    def on_rows(self, rows: Integers) -> ValidatedOutputs | None:
        """What it says about those rows alone, in that order; None where it lacks one of them."""
        place = {row: at for at, row in enumerate(self.held_out.rows.tolist())}
        if any(row not in place for row in rows.tolist()):
            return None
        index = np.array([place[row] for row in rows.tolist()], np.int64)
        return replace(self, held_out=self.held_out.take(index), values=self.values[index], thresholds=self.thresholds[index])

    def losses(self, task: OutputTask) -> Floats:
        """The loss of each image, float64 [held-out sample]."""
        return task.kind.row_losses(self.values, task.targets[self.held_out.rows], task.scaling)

    def predictions(self, task: OutputTask) -> OutputPredictions:
        """Its predictions, without intervals."""
        images = task.images.labeled.take(self.held_out.rows)
        return OutputPredictions(
            names=tuple(images.images.name(row) for row in range(len(images))),
            outputs=task.outputs,
            targets=task.targets[self.held_out.rows],
            values=self.values,
            groups=images.groups,
            thresholds=self.thresholds,
        )


def cross_validated(
    task: OutputTask, candidate: OutputCandidate, backbone: Backbone | None, folds: Sequence[Fold], steps: Steps
) -> ValidatedOutputs:
    """What a candidate says about the images that some of the task's first folds hold out; finished folds are read.

    A `TrainingError` says that a fit broke down.
    """
    if candidate.family == "chance" or backbone is None:
        return _without_images(task, candidate, folds)
    seconds, scores = 0.0, []
    for index in range(len(folds)):
        record, folder = fold_of(task, candidate, backbone, index, steps)
        if record.failure:
            raise TrainingError(record.failure)
        seconds += record.seconds
        scores.append(read_arrays(folder / SCORES)["scores"])
    held_out = HeldOutScores(*_rows_of(folds), np.concatenate(scores))
    return replace(cross_fitted(task, candidate, held_out), seconds=seconds)


def fold_of(
    task: OutputTask, candidate: OutputCandidate, backbone: Backbone, index: int, steps: Steps
) -> tuple[FoldRecord, Path]:
    """The step of one fold, and its folder; one whose scores are gone or damaged is made again."""
    inputs, fold, fit = _inputs(task, candidate, backbone, index), task.images.folds[index], FITS.get(candidate.fit)()

    def make(folder: Path) -> FoldRecord:
        def keep(member: Member) -> None:
            if fit.trains:
                member.save(folder / MEMBER)
            write_arrays(folder / SCORES, {"scores": member.scores(task.images.labeled.take(fold.held_out))})

        return fold_record(lambda: fit.fit(task, fold.fit, candidate, backbone, folder), keep)

    def is_whole(record: FoldRecord, folder: Path) -> bool:
        return bool(record.failure) or _has_scores(folder / SCORES, (len(fold.held_out), len(task.outputs)))

    return steps.run("outputs", inputs, FoldRecord, make, is_whole), steps.folder / steps.stem("outputs", inputs)


def _has_scores(path: Path, shape: tuple[int, int]) -> bool:
    """Whether scores of that shape are there."""
    try:
        return path.exists() and read_arrays(path)["scores"].shape == shape
    except (DamagedError, KeyError):
        return False


def fold_member(task: OutputTask, candidate: OutputCandidate, backbone: Backbone, index: int, steps: Steps) -> Member:
    """What was fitted to one fold: kept where it was trained, and solved again where it is a closed form."""
    fit = FITS.get(candidate.fit)()
    if not fit.trains:
        return fit.fit(task, task.images.folds[index].fit, candidate, backbone, None)
    _, folder = fold_of(task, candidate, backbone, index, steps)
    return Member.load(folder / MEMBER)


def _inputs(task: OutputTask, candidate: OutputCandidate, backbone: Backbone, index: int) -> dict[str, Any]:
    return {
        "task": task.fingerprint,
        "candidate": candidate.to_dict(),
        "weights_hash": backbone.weights_hash,
        "fold": index,
    }


def _rows_of(folds: Sequence[Fold]) -> tuple[Integers, Integers]:
    """The rows that folds hold out, and the number of the fold of each."""
    rows = np.concatenate([fold.held_out for fold in folds])
    return rows, np.repeat(np.arange(len(folds)), [len(fold.held_out) for fold in folds])


def _without_images(task: OutputTask, candidate: OutputCandidate, folds: Sequence[Fold]) -> ValidatedOutputs:
    """What is best said without images, by the images of each fold's fit."""
    values = np.concatenate([np.tile(task.kind.constant(task.targets[fold.fit]), (len(fold.held_out), 1)) for fold in folds])
    held_out = HeldOutScores(*_rows_of(folds), np.zeros_like(values))
    return ValidatedOutputs(candidate, held_out, values, np.full_like(values, np.nan))


def cross_fitted(task: OutputTask, candidate: OutputCandidate, held_out: HeldOutScores) -> ValidatedOutputs:
    """The candidate with the values and thresholds of each fold's images, by links that the other folds calibrate.

    The images of an only fold are halved for it, groups whole.
    """
    kind, targets = task.kind, task.targets[held_out.rows]
    values, thresholds = np.empty_like(held_out.scores), np.empty_like(held_out.scores)
    for own in calibration_parts(task, held_out):
        rest = np.setdiff1d(np.arange(len(held_out.rows)), own)
        link = kind.linked(held_out.scores[rest], targets[rest], task.scaling)
        values[own] = kind.values(held_out.scores[own], link)
        thresholds[own] = kind.thresholds(kind.values(held_out.scores[rest], link), targets[rest])
    return ValidatedOutputs(candidate, held_out, values, thresholds)


def calibration_parts(task: OutputTask, held_out: HeldOutScores) -> list[Integers]:
    """The parts of held-out images that are calibrated by all others: one a fold, or two halves of an only fold."""
    numbers = np.unique(held_out.folds)
    if len(numbers) > 1:
        return [np.flatnonzero(held_out.folds == number) for number in numbers]
    images = task.images.labeled.take(held_out.rows)
    return [fold.held_out for fold in stratified_folds(images.labels, images.groups, 2, task.images.seed)]
