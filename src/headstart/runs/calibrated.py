"""Calibrated: out-of-fold scores that lie with the model of a run, and what they allow to ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.core.errors import DataError, PlanError
from headstart.core.types import TestTime
from headstart.evaluation.conformal import DEFAULT_SCORE, Calibration, SetRule, set_rule
from headstart.evaluation.out_of_fold import SPLIT
from headstart.evaluation.selective import Answered, answered_at
from headstart.planning.plan import Plan
from headstart.runs.run import MODEL, Run, file_of

FILE = "calibration.safetensors"
"""In the folder of the model, and so wherever that is copied to."""
NOT_AS_FITTED = (
    "Prediction sets and a wanted accuracy hold for the model as it was fitted, and not once it is adapted to the images. Leave "
    "out adapt."
)
NO_SETS = (
    "A score of sets, and sets by class, mean something only where prediction sets are asked for. Ask for sets, of 0.9 for "
    "example, or leave both out."
)


@dataclass(frozen=True)
class Asked:
    """What is said about images beside label and probabilities; see `headstart.predict`.

    Attributes:
        refuse: The p-value below which an image gets no label.
        adapt: How the model is adapted to the images first.
        sets: Which classes the set of an image holds; None without sets.
        answered: From which probability on an image gets a label; None where each does.
    """

    refuse: float | None = None
    adapt: TestTime | None = None
    sets: SetRule | None = None
    answered: Answered | None = None


def calibration_in(folder: Path) -> Calibration | None:
    """The calibration of the run in a folder: that which lies with its model or else of its out-of-fold predictions; or None.

    There is none where images were left out by their labels, as the rest is no sample of new images.
    """
    stored, run = folder / MODEL / FILE, Run(folder)
    if leaves_label_errors_out(run):
        return None
    if stored.exists():
        return Calibration.read(stored)
    if not run.finished or run.evaluation is None or run.evaluation.split != SPLIT or run.predictions is None:
        return None
    return Calibration.of(run.predictions)


def leaves_label_errors_out(run: Run) -> bool:
    """Whether images whose labels look wrong were left out of a run."""
    return (run.folder / file_of(Plan)).exists() and run.plan.without_label_errors


def asked_of(
    calibration: Calibration | None,
    classes: tuple[str, ...],
    origin: str = "",
    *,
    left_out: bool = False,
    refuse: float | None = None,
    adapt: TestTime | None = None,
    sets: float | None = None,
    set_score: str = DEFAULT_SCORE,
    sets_by_class: bool = False,
    at_accuracy: float | None = None,
) -> Asked:
    """What is asked of a model with that calibration.

    Args:
        calibration: None where the run has none.
        classes: Of the model.
        origin: The model's run folder, for messages.
        left_out: Whether images whose labels look wrong were left out of the run.
        refuse: See `headstart.predict`, as for all others.
        adapt: See there.
        sets: See there.
        set_score: See there.
        sets_by_class: See there.
        at_accuracy: See there.

    Returns:
        The rules.

    Raises:
        PlanError: A share is none, the model is to be adapted, or something is said of sets that are not asked for.
        DataError: There are no out-of-fold predictions, or too few for what is asked.
    """
    if sets is None and (sets_by_class or set_score != DEFAULT_SCORE):
        raise PlanError(NO_SETS)
    if sets is None and at_accuracy is None:
        return Asked(refuse, adapt)
    if adapt:
        raise PlanError(NOT_AS_FITTED)
    if calibration is None:
        raise DataError(not_calibrated(origin, left_out=left_out))
    rule = None if sets is None else set_rule(calibration, classes, sets, set_score, by_class=sets_by_class)
    return Asked(refuse, adapt, rule, None if at_accuracy is None else answered_at(calibration, at_accuracy))


def not_calibrated(origin: str, *, left_out: bool = False) -> str:
    """Why a run can give no prediction sets and reach no wanted accuracy; `left_out` where label errors were left out."""
    if left_out:
        return (
            f"{origin} gives no prediction sets and reaches no wanted accuracy, as images whose labels look wrong were left out, "
            "so that its labeled images are no sample of new ones. Correct the labels instead, and run without "
            "--without-label-errors."
        )
    return (
        f"{origin} keeps no out-of-fold predictions, which calibrate prediction sets and a wanted accuracy: an earlier version "
        "fitted it, or its labels were not cross-validated. Give the command that made it again, without a test split."
    )
