"""Watch: whether the images that a model meets in use are still like those that it learned from."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Literal

import numpy as np

from headstart.core.arguments import checked
from headstart.core.errors import DataError, PlanError
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions
from headstart.core.progress import stage
from headstart.core.records import Record
from headstart.core.types import Integers
from headstart.data.given_images import AnyImages
from headstart.evaluation.drift import Drift, drift_of
from headstart.evaluation.label_inputs import LabelInputs
from headstart.evaluation.label_strategies.least_confidence import least_confidence
from headstart.evaluation.out_of_fold import SPLIT as OUT_OF_FOLD
from headstart.evaluation.stress import StressRow
from headstart.novelty.detector import UNUSUAL
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun
from headstart.workflows.fit import LEARNED_LATER
from headstart.workflows.new_images import new_images

Reason = Literal["unlike known images", "unsure"]


class ImageToLabel(Record):
    """A new image whose label says much.

    Attributes:
        path: Of the image.
        label: As predicted.
        probability: Of that label.
        p_value: Conformal, that the image is like those learned from; None without a novelty detector.
        reason: What it was chosen for.
    """

    path: str
    label: str
    probability: float
    p_value: float | None
    reason: Reason


class Watched(Record):
    """What was found of new images.

    Attributes:
        run: The run's folder.
        drift: How they differ from the images that the model learned from.
        to_label: Those that a person should label first.
        unreadable: Paths of files that could not be read, each with the error.
    """

    run: str
    drift: Drift
    to_label: tuple[ImageToLabel, ...]
    unreadable: dict[str, str]


@checked
def watch(run: AnyRun, images: AnyImages, *, num: int = 20, level: float = 0.05, seed: int = 0) -> Watched:
    """How new images without labels differ from those that a run learned from, and what follows for its accuracy.

    Images are given as for `headstart.predict`. They are compared with the run's test images, or with those that were predicted
    out of fold, by the tests in `evaluation.drift_tests`; with a probability of `level` drift is found where there is none. Rows
    are taken to be independent. The accuracy on the new images is estimated without labels, and `num` of them are named whose
    labels would say most: half because they are unlike known images, half because the model is least sure of them.
    """
    if num < 0:
        raise PlanError(f"num = {num}: name 0 images or more.")
    if not 0.0 < level < 1.0:
        raise PlanError(f"level = {level:g} is no level of a test. Give a number between 0 and 1, such as 0.05.")
    finished = Run.load(run)
    held_out, evaluation, model = finished.predictions, finished.evaluation, finished.model
    if held_out is None or evaluation is None:
        raise DataError(
            f"{finished.folder} has no predictions of held-out images to compare new ones with: no labeled image could be held "
            "out. Label some, and run again."
        )
    rows, unreadable = new_images(model, images)
    with stage("predicting new images"):
        new = model.predict_with_p_values(rows)
    drift = drift_of(
        held_out, new, model.least_p_value, evaluation.split, evaluation.accuracy, same_model=_predicted_by_itself(evaluation),
        level=level, seed=seed, stressed=_stressed(finished),
    )  # fmt: skip
    return Watched(run=str(finished.folder), drift=drift, to_label=_to_label(new, num), unreadable=unreadable)


def _stressed(run: Run) -> tuple[StressRow, ...]:
    """What the run's stress test found, pictures as they are included; nothing where there was none."""
    return () if run.stress is None else (run.stress.clean, *run.stress.rows)


def _predicted_by_itself(evaluation: Evaluation) -> bool:
    """Whether the model that is kept predicted the held-out images, and has not learned from them since."""
    return evaluation.split != OUT_OF_FOLD and LEARNED_LATER.partition("{")[0] not in evaluation.protocol


def _to_label(new: Predictions, num: int) -> tuple[ImageToLabel, ...]:
    """Images unlike known ones, the least usual first, and those that the model is least sure of, in turn."""
    nothing = np.empty((len(new), 0))
    unsure = least_confidence(LabelInputs(nothing, nothing, new.probs, len(new), seed=0))
    assert unsure is not None
    unlike = np.empty(0, np.int64)
    if new.p_values is not None:
        unlike = np.argsort(new.p_values, kind="stable")
        unlike = unlike[new.p_values[unlike] < UNUSUAL]
    return tuple(
        ImageToLabel(
            path=new.names[row],
            label=new.classes[int(new.predicted[row])],
            probability=float(new.probs[row].max()),
            p_value=None if new.p_values is None else float(new.p_values[row]),
            reason=reason,
        )
        for row, reason in _in_turn(unlike, unsure, num)
    )


def _in_turn(unlike: Integers, unsure: Integers, num: int) -> list[tuple[int, Reason]]:
    """The first rows of both lists in turn, each row once."""
    first: list[tuple[int, Reason]] = [(row, "unlike known images") for row in unlike.tolist()]
    second: list[tuple[int, Reason]] = [(row, "unsure") for row in unsure.tolist()]
    found: dict[int, Reason] = {}
    for one in chain.from_iterable(zip_longest(first, second)):
        if one is not None and len(found) < num:
            found.setdefault(*one)
    return list(found.items())
