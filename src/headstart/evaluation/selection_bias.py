"""Selection bias: what the choice among candidates adds to its own out-of-fold numbers, measured by a bootstrap.

The best of many candidates is the best partly by luck. The choice is made again on each bootstrap draw of the out-of-fold
predictions, and judged on the rows that the draw left out; how much worse it is there than the choice made on all rows is what
luck added. Nothing is fitted again.

A rule of choice is a plain function `select(weights) -> probs`: how often each row counts, float [sample], to what the chosen
candidate, or ensemble of some, predicts for every row, float [sample, class], or to whatever else tells it from others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from headstart.core.predictions import Predictions
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.intervals import bootstrap_weights
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics import all_metrics

Select: TypeAlias = Callable[[Floats], Floats]
"""Row weights, float [sample], to the probabilities that the choice by them predicts, float [sample, class]."""
Predicted = TypeVar("Predicted")
DRAWS = 200
"""Choices that are made again. The bias is a mean of differences on the same rows: its standard error is a tenth of a point of
accuracy with 100 rows, where two draws in three choose otherwise."""
FEWEST_DRAWS = 40
"""Choices that are made again where each is costly."""
MOST_NUMBERS = 80_000_000
"""Bounds candidates times rows times classes times draws: so many are weighed in some seconds."""


def draws_for(num_numbers: int) -> int:
    """The draws where all candidates together predicted so many numbers."""
    return max(FEWEST_DRAWS, min(DRAWS, MOST_NUMBERS // max(num_numbers, 1)))


class Rows(NamedTuple):
    """What decides how rows are drawn.

    Attributes:
        groups: int64 [sample]; rows of one group are drawn together.
        labels: int64 [sample], within which rows are drawn where each is its own group; None to draw among all.
    """

    groups: Integers
    labels: Integers | None


def bias_of_choice(
    metrics: Mapping[str, Callable[[Predicted, Floats], Floats | None]],
    predicting: Callable[[Floats], Predicted],
    rows: Rows,
    select: Select,
    draws: int = DRAWS,
) -> dict[str, float]:
    """By how much each metric of the choice made on all rows is above that of choices judged on rows that had no say in them.

    Metrics that are not counted by row weights are absent.

    Args:
        metrics: By name, from predictions and row weights [draw, sample] to a value a draw; None where they cannot be weighed.
        predicting: From what `select` returns to these predictions.
        rows: How rows are drawn.
        select: The rule of choice, on these rows in this order.
        draws: Choices that are made again.

    Returns:
        The bias by the metric's name; positive where the choice looks better than it is, for losses negative.

    Reference: Tsamardinos, Greasidou & Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
        cross-validation", Machine Learning 2018, algorithm 2 (BBC-CV).
    Differs: the choice on all rows is judged on the rows left out by each draw, too, and the difference is taken. It has the same
        expectation and a fraction of the variance, and holds for metrics that are no means of rows as well.
    """
    on_all = select(np.ones(len(rows.groups)))
    everything = predicting(on_all)
    sums, counts = dict.fromkeys(metrics, 0.0), dict.fromkeys(metrics, 0)
    for said, left_out in _choices(rows, select, draws):
        chosen = None if np.array_equal(said, on_all) else predicting(said)
        for name, values in metrics.items():
            first = values(everything, left_out)
            second = first if chosen is None else values(chosen, left_out)
            if first is not None and second is not None:
                known = np.isfinite(first) & np.isfinite(second)
                sums[name] += float((first - second)[known].sum())
                counts[name] += int(known.sum())
    return {name: sums[name] / count for name, count in counts.items() if count}


def selection_bias(predictions: Predictions, select: Select, draws: int = DRAWS) -> dict[str, float]:
    """By how much the choice made on all rows looks better than it is, by each metric of classes; see `bias_of_choice`.

    Args:
        predictions: Of any candidate out of fold, for the labels, the classes and the groups, which are drawn whole.
        select: The rule of choice, on these rows in this order.
        draws: Choices that are made again.

    Returns:
        The bias by the metric's name.
    """
    metrics = {name: metric.values for name, metric in all_metrics().items()}
    rows = Rows(predictions.groups, predictions.labels)
    return bias_of_choice(metrics, partial(_predicting, predictions), rows, select, draws)


def _choices(rows: Rows, select: Select, draws: int) -> Iterator[tuple[Floats, Floats]]:
    """Every different choice, as `select` gives it, with the rows left out [draw, sample] of the draws that led to it, 1 or 0."""
    said: dict[bytes, Floats] = {}
    left_out: dict[bytes, list[Floats]] = {}
    for block in bootstrap_weights(rows.groups, rows.labels, draws, generator_for(0, "selection bias")):
        for weights in block:
            if (weights == 0).any():
                chosen = select(weights)
                key = chosen.tobytes()
                said[key] = chosen
                left_out.setdefault(key, []).append(np.asarray(weights == 0, np.float64))
    yield from ((said[key], np.stack(weights)) for key, weights in left_out.items())


def _predicting(predictions: Predictions, probs: Floats) -> LabeledPredictions:
    return LabeledPredictions(replace(predictions, probs=probs, raw_probs=probs))
