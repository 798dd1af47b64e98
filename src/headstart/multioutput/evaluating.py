"""How good a model of outputs is: every metric with its interval, beside what is best said without any image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.core.types import Floats
from headstart.data.images import ImageSet
from headstart.multioutput.comparing import mean_gain
from headstart.multioutput.intervals import LEVEL
from headstart.multioutput.metrics import estimates_of
from headstart.multioutput.metrics.mean_average_precision import MeanAveragePrecision
from headstart.multioutput.metrics.micro_f1 import MicroF1
from headstart.multioutput.model import OutputModel
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.records import OutputEvaluation, OutputRow
from headstart.multioutput.task import OutputSummary


def predictions_of(model: OutputModel, images: ImageSet, targets: Floats) -> OutputPredictions:
    """What a model says about images, with intervals where it gives some; `targets` are [sample, output]."""
    values = model.values(images)
    made = OutputPredictions(
        names=tuple(images.images.name(row) for row in range(len(images))),
        outputs=model.outputs,
        targets=targets,
        values=values,
        groups=images.groups,
        thresholds=np.tile(model.thresholds, (len(values), 1)),
    )
    if model.residuals is None or not model.residuals.allows(LEVEL):
        return made
    low, high = model.intervals(images, LEVEL)
    return made.with_intervals(low, high)


def evaluated_on(model: OutputModel, predictions: OutputPredictions, summary: OutputSummary, name: str) -> OutputEvaluation:
    """The evaluation of predictions of other data of that name; the summary is that of the run."""
    protocol = f"{len(predictions):,} labeled images of {name}, intervals by a bootstrap over groups of images."
    return evaluated(model, predictions, summary, name, protocol)


def evaluated(
    model: OutputModel, predictions: OutputPredictions, summary: OutputSummary, split: str, protocol: str
) -> OutputEvaluation:
    """The evaluation of those predictions.

    Args:
        model: Whose predictions they are.
        predictions: What it said.
        summary: Of the task that it learned, which tells what is best said without images.
        split: What was evaluated.
        protocol: How, in one sentence.

    Returns:
        The evaluation.
    """
    kind, name = model.kind, model.kind.name()
    without = kind.without_images(summary.counts, summary.num_labeled, model.link)
    constant = predictions.with_constant(without.values, without.thresholds)
    own, other = (kind.row_losses(one.values, one.targets, without.scaling) for one in (predictions, constant))
    return OutputEvaluation(
        kind=name,
        split=split,
        num_images=len(predictions),
        metrics=estimates_of(name, predictions),
        without_images=estimates_of(name, constant),
        gain_over_none=mean_gain(own, other, predictions.groups, 0),
        per_output=_rows(predictions) if kind.noun == "labels" else (),
        protocol=protocol,
        guarantee="" if predictions.low is None or model.residuals is None else model.residuals.guarantee(LEVEL),
    )


def _rows(predictions: OutputPredictions) -> tuple[OutputRow, ...]:
    return tuple(_row(predictions, place, name) for place, name in enumerate(predictions.outputs))


def _row(predictions: OutputPredictions, place: int, name: str) -> OutputRow:
    column = slice(place, place + 1)
    alone = replace(
        predictions,
        outputs=(name,),
        **{part: getattr(predictions, part)[:, column] for part in ("targets", "values", "thresholds")},
    )
    said, true = alone.said[:, 0], alone.targets[:, 0] > 0
    support, right = int(true.sum()), int((said & true).sum())
    return OutputRow(
        name=name,
        support=support,
        average_precision=MeanAveragePrecision().estimate(alone),
        f1=MicroF1().estimate(alone) if support else None,
        precision=right / max(int(said.sum()), 1),
        recall=right / max(support, 1),
        threshold=float(alone.thresholds.mean()),
    )
