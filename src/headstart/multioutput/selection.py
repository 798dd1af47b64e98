"""Selection: what the choice among candidates for outputs added to its own out-of-fold numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.types import Floats
from headstart.evaluation.out_of_fold import corrected, widening_of
from headstart.evaluation.selection_bias import Rows, bias_of_choice, draws_for
from headstart.multioutput.cross_validation import ValidatedOutputs, calibration_parts
from headstart.multioutput.intervals import LEVEL, CrossConformal
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.task import OutputTask

LOSS = "loss"


@dataclass(frozen=True)
class Selection:
    """What choosing among candidates added.

    Attributes:
        num_candidates: Those that the chosen one was the best of.
        draws: Choices that were made again.
        biases: By metric, how much too large it is out of fold; that of the mean loss by the name "loss". Empty without a choice.
        widening: By what the residuals of the chosen one are multiplied in prediction intervals, 1 or more.
    """

    num_candidates: int = 1
    draws: int = 0
    biases: dict[str, float] = field(default_factory=dict)
    widening: float = 1.0

    def estimate(self, task: OutputTask, name: str, found: Estimate, num_groups: int) -> Estimate:
        """A metric of out-of-fold predictions, without what the choice added; the kept model is another one than predicted."""
        metric = metrics_for(task.kind.name())[name]
        return corrected(found, self.biases.get(name, 0.0), widening_of(num_groups), least=metric.least, most=metric.most)


def measured_selection(task: OutputTask, chosen: ValidatedOutputs, among: Sequence[ValidatedOutputs]) -> Selection:
    """What choosing by the mean loss added, among candidates that predicted the rows of the chosen one; nothing with one.

    Prediction intervals are widened by the ratio of the root mean squared errors without and with what the choice added to the
    mean squared error: the residuals of the best of many candidates are small by luck, too. `python -m
    benchmarks.chosen_intervals` prints the coverage with and without it.

    Args:
        task: Images and targets.
        chosen: The candidate that is fitted.
        among: Candidates, the chosen one included.

    Returns:
        The biases and the widening.
    """
    rows = chosen.held_out.rows
    pool = list[ValidatedOutputs]()
    for one in among:
        found = one.on_rows(rows)
        pool += [] if found is None else [found]
    if len(pool) < 2:
        return Selection()
    losses = np.stack([one.losses(task) for one in pool])
    draws = draws_for(len(pool) * chosen.values.size)

    def select(weights: Floats) -> Floats:
        """The place of the candidate of least mean loss."""
        return np.array([(losses @ weights).argmin()], np.float64)

    def biases(predicted: Sequence[OutputPredictions], names: Sequence[str]) -> dict[str, float]:
        measures: dict[str, Callable[[OutputPredictions, Floats], Floats | None]] = {
            name: metric.values for name, metric in metrics_for(task.kind.name()).items() if name in names
        }
        measures |= {LOSS: partial(_mean_loss, task)} if LOSS in names else {}
        return bias_of_choice(measures, lambda place: predicted[int(place[0])], Rows(predicted[0].groups, None), select, draws)

    widening, bias = 1.0, biases([one.predictions(task) for one in pool], [LOSS]).get(LOSS, 0.0)
    if task.kind.noun == "numbers":
        mean = float(losses[int(select(np.ones(len(rows)))[0])].mean())
        widening = float(np.sqrt(max(1.0, 1 - bias / mean))) if mean > 0 else 1.0
    by_metric = biases([out_of_fold_predictions(task, one, widening) for one in pool], list(metrics_for(task.kind.name())))
    return Selection(len(pool), draws, by_metric | {LOSS: bias}, widening)


def _mean_loss(task: OutputTask, predictions: OutputPredictions, weights: Floats) -> Floats:
    rows = task.kind.row_losses(predictions.values, predictions.targets, task.scaling)
    return np.asarray(weights @ rows / weights.sum(axis=1))


def out_of_fold_predictions(task: OutputTask, chosen: ValidatedOutputs, widening: float = 1.0) -> OutputPredictions:
    """What a candidate said about held-out images; intervals are made of the residuals of other folds, times the widening."""
    made = chosen.predictions(task)
    if task.kind.noun == "labels":
        return made
    residuals = np.abs(made.values - made.targets)
    low, high = np.empty_like(made.values), np.empty_like(made.values)
    for own in calibration_parts(task, chosen.held_out):
        rest = np.setdiff1d(np.arange(len(made)), own)
        conformal = CrossConformal(residuals[rest], np.zeros(len(rest), np.int64), widening)
        if not conformal.allows(LEVEL):
            return made
        low[own], high[own] = conformal.interval(made.values[own][None], LEVEL)
    return made.with_intervals(low, high)
