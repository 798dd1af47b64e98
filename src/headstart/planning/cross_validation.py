"""Judging a candidate: the same held-out rows for all, every fold a step that a restart finds again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import softmax

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import TrainingError
from headstart.core.predictions import Predictions, joined, log_probs, mean_of
from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.core.types import Integers
from headstart.data.folds import Fold
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluation_of
from headstart.heads.temperature import fit_temperature, fit_weights
from headstart.methods import METHODS, method_from
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate
from headstart.planning.results import CandidateResult


class FoldRecord(Record):
    """A finished fold: its cost; its predictions lie beside it."""

    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class CrossValidated:
    """A candidate's result with its out-of-fold predictions.

    Attributes:
        candidate: What was judged.
        result: How it did.
        predictions: One row per held-out image; None unless fitted.
        temperature: What calibrates a gradient method's scores; None for methods that calibrate themselves.
        parts: Its own calibrated predictions and those of its partners; none where it has no partners.
        shares: How much it and each of its partners count in their mean; none where it has no partners.
    """

    candidate: Candidate
    result: CandidateResult
    predictions: Predictions | None = None
    temperature: float | None = None
    parts: tuple[Predictions, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def calibration(self) -> dict[str, float | tuple[float, ...] | None]:
        """What a plan of this candidate needs to predict as calibrated as it was judged; fields of `Plan`."""
        return {"temperature": self.temperature, "shares": self.shares}


def rows_for(candidate: Candidate, task: Task, rows: Integers) -> Integers:
    """The rows to fit on: all, or the first `max_rows` of a seeded order of all labeled rows, so that choices nest."""
    if candidate.max_rows is None or candidate.max_rows >= len(rows):
        return rows
    turns = generator_for(task.seed, "max_rows").permutation(len(task.labeled))
    return np.sort(rows[np.argsort(turns[rows], kind="stable")[: candidate.max_rows]])


def fit_rows(task: Task, rows: Integers, candidate: Candidate, backbone: Backbone, workspace: Path | None) -> Model:
    """The candidate fitted to those rows of `task.labeled`."""
    part = task.restricted_to(rows_for(candidate, task, rows))
    return method_from(candidate.method).fit(part, backbone, candidate.training, workspace)


def is_gradient(candidate: Candidate) -> bool:
    """Whether the candidate is trained by gradient, and so costs minutes, not milliseconds."""
    return METHODS.get(candidate.method["kind"]).cost == "gradient"


def cross_validate(task: Task, candidate: Candidate, backbone: Backbone, folds: tuple[Fold, ...], steps: Steps) -> CrossValidated:
    """The candidate judged on those folds; finished folds are read, not run again.

    Args:
        task: What is to be learned.
        candidate: What to judge.
        backbone: The candidate's backbone.
        folds: Some or all of `task.folds`.
        steps: Where finished folds lie.

    Returns:
        The result and the out-of-fold predictions. A fit that breaks down gives a result that says so.
    """
    if candidate.partners:
        return _validated_ensemble(task, candidate, backbone, folds, steps)
    parts = []
    seconds = 0.0
    for index, fold in enumerate(folds):
        record, predictions = _validated_fold(task, candidate, backbone, fold, index, steps)
        seconds += record.seconds
        if predictions is None:
            return CrossValidated(candidate, candidate.result(status="failed", reason=record.failure, seconds=seconds))
        parts.append(predictions)
    predictions = joined(parts)
    temperature = None
    if is_gradient(candidate):
        predictions, temperature = _calibrated(predictions)
    return CrossValidated(candidate, _result(candidate, predictions, len(folds), seconds), predictions, temperature)


def _validated_ensemble(
    task: Task, candidate: Candidate, backbone: Backbone, folds: tuple[Fold, ...], steps: Steps
) -> CrossValidated:
    """The mean of the candidate's calibrated probabilities and its partners', weighted by how well it then predicts."""
    validated = [cross_validate(task, candidate.alone, backbone, folds, steps)]
    for partner in candidate.of_partners:
        own = load_backbone(partner.pretrained, partner.weights, partner.input_pixels, task.seed)
        validated.append(cross_validate(task, partner, own, folds, steps))
    seconds = sum(one.result.seconds for one in validated)
    failed = next((one.result for one in validated if one.predictions is None), None)
    if failed is not None:
        return CrossValidated(
            candidate, candidate.result(status="failed", reason=f"{failed.name}: {failed.reason}", seconds=seconds)
        )
    parts = tuple(one.predictions for one in validated if one.predictions is not None)
    shares = fit_weights(np.stack([log_probs(part) for part in parts]), parts[0].labels)
    predictions = mean_of(parts, shares)
    result = _result(candidate, predictions, len(folds), seconds)
    return CrossValidated(candidate, result, predictions, validated[0].temperature, parts, shares)


def _validated_fold(
    task: Task, candidate: Candidate, backbone: Backbone, fold: Fold, index: int, steps: Steps
) -> tuple[FoldRecord, Predictions | None]:
    inputs = fold_inputs(task, candidate, backbone, index)
    folder = steps.folder / steps.stem("fold", inputs)

    def make(workspace: Path) -> FoldRecord:
        begun = time.perf_counter()
        try:
            model = fit_rows(task, fold.fit, candidate, backbone, workspace)
        except TrainingError as error:
            return FoldRecord(seconds=time.perf_counter() - begun, failure=str(error))
        if is_gradient(candidate) and len(task.folds) == 1:
            model.save(workspace / "model")
        model.predict(task.labeled.take(fold.held)).write(workspace / "predictions.parquet")
        return FoldRecord(seconds=time.perf_counter() - begun)

    record = steps.run("fold", inputs, FoldRecord, make)
    if record.failure:
        return record, None
    # Another run may have judged the fold under other paths.
    held = task.labeled.take(fold.held).images
    names = tuple(held.name(row) for row in range(len(held)))
    return record, replace(Predictions.read(folder / "predictions.parquet"), names=names)


def fold_inputs(task: Task, candidate: Candidate, backbone: Backbone, index: int) -> dict[str, object]:
    """Everything that a fold's result depends on."""
    return {
        "task": task.fingerprint,
        "candidate": candidate.essentials,
        "backbone": backbone.weights_hash,
        "fold": index,
        "folds": len(task.folds),
    }


def _calibrated(predictions: Predictions) -> tuple[Predictions, float]:
    scores = np.log(np.maximum(predictions.raw_probs, 1e-12))
    temperature = fit_temperature(scores, predictions.labels)
    return replace(predictions, probs=softmax(scores / temperature, axis=1)), temperature


def _result(candidate: Candidate, predictions: Predictions, num_folds: int, seconds: float) -> CandidateResult:
    metrics = evaluation_of(predictions, "out of fold").metrics
    return candidate.result(
        accuracy=metrics["accuracy"],
        balanced_accuracy=metrics["balanced_accuracy"],
        log_loss=metrics["log_loss"],
        num_rows=len(predictions),
        num_folds=num_folds,
        seconds=seconds,
    )


def cross_validate_chance(task: Task, candidate: Candidate, folds: tuple[Fold, ...]) -> CrossValidated:
    """The candidate that knows nothing but the class shares of the rows it may fit on."""
    labeled = task.labeled
    parts = []
    for fold in folds:
        counts = np.bincount(labeled.labels[fold.fit], minlength=task.num_classes) + 1.0
        held = labeled.take(fold.held)
        probs = np.tile(counts / counts.sum(), (len(held), 1))
        names = tuple(held.images.name(row) for row in range(len(held)))
        parts.append(Predictions(names, task.classes, held.labels, probs, probs, held.groups))
    predictions = joined(parts)
    return CrossValidated(candidate, _result(candidate, predictions, len(folds), 0.0), predictions)
