"""Versions: the model of a run folder as it was when it was loaded, ready to predict."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError, HeadstartError, PlanError
from headstart.core.evaluation import Evaluation
from headstart.core.progress import silent
from headstart.data.images import ArrayImages
from headstart.evaluation.conformal import Calibration
from headstart.features.store.transient import transient_features
from headstart.methods.model import HEAD_FILE, NO_DETECTOR, Model
from headstart.runs.calibrated import FILE as CALIBRATION
from headstart.runs.calibrated import Asked, asked_of, calibration_in
from headstart.runs.predicting import answers_of
from headstart.runs.run import FIRST_MODEL, MODEL, Run, file_of
from headstart.serving.pictures import DecodedImages, DecodedPicture
from headstart.serving.refusals import RefusedError, without_folders
from headstart.serving.wanted import NOTHING_MORE, Wanted

GRAY = 127
MOST_RULES = 100
"""Rules of sets and of a wanted accuracy that a version keeps."""


class Stamp(NamedTuple):
    """Which files a version was made of; see `stamp_of`.

    Attributes:
        name: The folder of the model.
        model: Changes with the model.
        evaluation: Changes with the evaluation and the calibration, which follow the model; None where there is none yet.
    """

    name: str
    model: tuple[int, ...]
    evaluation: tuple[int, ...] | None

    def of_same_model(self, other: Stamp) -> bool:
        """Whether the model is the same, however it was evaluated."""
        return (self.name, self.model) == (other.name, other.model)


@dataclass(frozen=True, eq=False)
class Version:
    """One fit of a run folder, in memory: the folder may change or go, and this stays as it is.

    Attributes:
        identity: Changes with the model.
        stamp: Of the files that it was loaded from.
        model: Predicts.
        run: The run, whose parts were read.
        card: What users may know.
        calibration: What prediction sets and a wanted accuracy need; None where there is none.
        rules: What was asked before, or why it was refused, the least recently used first.
    """

    identity: str
    stamp: Stamp
    model: Model = field(repr=False)
    run: Run = field(repr=False)
    card: dict[str, Any] = field(repr=False)
    calibration: Calibration | None = field(repr=False, default=None)
    rules: dict[Wanted, Asked | RefusedError] = field(repr=False, default_factory=dict)

    def asked(self, wanted: Wanted) -> Asked:
        """The rules of what is wanted; `RefusedError` where the model cannot give it."""
        found = self.rules.pop(wanted, None) or self._rules_of(wanted)
        while len(self.rules) >= MOST_RULES:
            self.rules.pop(next(iter(self.rules)))
        self.rules[wanted] = found
        if isinstance(found, RefusedError):
            raise RefusedError(found.status, found.code, found.sentence)
        return found

    def _rules_of(self, wanted: Wanted) -> Asked | RefusedError:
        try:
            return asked_of(
                self.calibration, self.model.classes, "This model", left_out=self.run.plan.without_label_errors,
                **wanted._asdict(),
            )  # fmt: skip
        except PlanError as error:
            return RefusedError(422, "bad-argument", str(error))
        except HeadstartError as error:
            return RefusedError(422, "not-calibrated", str(error))

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides at which its networks take pictures."""
        return tuple(sorted({backbone.transform.pixels for backbone in self.model.backbones}))


@dataclass(frozen=True)
class Answering:
    """What a version says about pictures; two that are equal are computed together.

    Attributes:
        version: The model.
        wanted: What is asked for beside labels.
    """

    version: Version
    wanted: Wanted = NOTHING_MORE

    def __call__(self, pictures: Sequence[DecodedPicture]) -> list[dict[str, Any]]:
        """One row a picture, as `headstart predict --json` prints it."""
        model = self.version.model
        if self.wanted.refuse and model.detector_model is None:
            raise RefusedError(422, "no-detector", NO_DETECTOR.replace("leave out --refuse", 'leave out "refuse"'))
        answers = answers_of(model, DecodedImages(tuple(pictures)), self.version.asked(self.wanted))
        return [{"path": picture.name, **answer} for picture, answer in zip(pictures, answers, strict=True)]


def stamp_of(folder: Path) -> Stamp | None:
    """What changes when the run in a folder is fitted again, or evaluated; None where it holds no model."""
    for name in (MODEL, FIRST_MODEL):
        status = _status(folder / name / "model.json")
        if status is not None:
            evaluation, calibration = _status(folder / file_of(Evaluation)), _status(folder / name / CALIBRATION)
            return Stamp(name, status, None if evaluation is None else evaluation + (calibration or ()))
    return None


def _status(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is written; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def load_version(folder: Path) -> Version:
    """The model in a run folder, which has predicted once: an engine is made, and what can fail has been tried.

    `DataError` where the folder holds no model, or one that predicts no classes; `PlanError` where it takes no pictures.
    """
    stamp = stamp_of(folder)
    run = Run.load(folder, first=True)
    model = run.model
    if not model.classes:
        raise DataError(f"{folder} was pretrained without classes and predicts none. Serve a run that was fitted to classes.")
    if not provider_of(model.backbone.card).takes_pictures:
        raise PlanError(f"{folder} was fitted on feature vectors, and pictures are served. Use `headstart predict` with it.")
    if stamp is None or stamp != stamp_of(folder):
        raise DataError(f"{folder} changed while it was loaded. Try again when its fit is finished.")
    found = Version(_identity(folder / stamp.name), stamp, model, run, card_of(run, model), calibration_in(folder))
    warm_up(found)
    return found


def with_new_card(version: Version, stamp: Stamp) -> Version:
    """The version with the evaluation and the calibration of its model, which were not there yet when it was loaded."""
    run = Run(version.run.folder)
    calibration = calibration_in(version.run.folder)
    return replace(version, stamp=stamp, run=run, card=card_of(run, version.model), calibration=calibration, rules={})


def warm_up(version: Version) -> None:
    """Let the model predict one gray picture."""
    with silent(), transient_features():
        list(answers_of(version.model, blank_pictures(max(version.sides))))


def blank_pictures(pixels: int) -> ArrayImages:
    """One gray picture of that side."""
    return ArrayImages(np.full((1, pixels, pixels, 3), GRAY, np.uint8), "gray", np.array([0]))


def _identity(folder: Path) -> str:
    """A hash of what the heads of its models are."""
    digest = hashlib.sha256((folder / "model.json").read_bytes())
    for path in sorted(folder.rglob(HEAD_FILE)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def card_of(run: Run, model: Model) -> dict[str, Any]:
    """What users may know of a model: what it learned from, how good it is, and what it was made of."""
    summary, plan, evaluation = run.task_summary, run.plan, run.evaluation
    members = (plan, *plan.partners)
    places = (str(run.folder), plan.data, summary.place, *plan.sources)

    def said(text: str) -> str:
        return without_folders(text, places)

    return {
        "kind": "run",
        "classes": list(model.classes),
        "task": said(summary.name),
        "num_train": summary.num_train,
        "train_counts": dict(zip(summary.classes, summary.train_counts, strict=False)),
        "method": [str(member.method["kind"]) for member in members],
        "pretrained": [said(member.pretrained) if member.weights != "none" else "none" for member in members],
        "licenses": {said(one.card.name): one.card.license for one in model.backbones},
        "verdict": run.verdict,
        "sentence": said(run.verdict_sentence) or None,
        "metrics": {name: one.to_dict() for name, one in evaluation.metrics.items()} if evaluation else {},
        "num_images": evaluation.num_images if evaluation else None,
        "protocol": said(evaluation.protocol) if evaluation else None,
        "novelty": model.detector_model is not None,
        "least_p_value": model.least_p_value,
        "first_model": run.has_first_model,
    }
