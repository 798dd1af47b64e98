"""Out of fold: the evaluation of a model by what others, fitted to parts of its rows, predicted for the rest."""

from __future__ import annotations

import math

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions
from headstart.evaluation.conformal import set_sizes
from headstart.evaluation.metrics import METRICS
from headstart.evaluation.protocols import evaluation_of
from headstart.evaluation.selection_bias import DRAWS, Select, selection_bias

SPLIT = "out of fold"
"""The `split` of such an evaluation."""

SMALLEST_BIAS = 0.0005
"""A change of the accuracy that is shown as none: half of the last digit."""

MEASURED = 0.96
"""Share of that widening which suffices. Of the intervals of 216 draws of 50 to 1,000 labels of five sets 95 % then hold the
accuracy on the other images, as they do with the whole of it, and 84 % without any (`python -m benchmarks.coverage`)."""


def evaluation_out_of_fold(
    predictions: Predictions, select: Select | None = None, draws: int = DRAWS, fitted_to: str = "was fitted to all labels"
) -> Evaluation:
    """The evaluation of a model by out-of-fold predictions of the same recipe.

    Where the recipe was chosen by these predictions, every metric and its interval is moved by what the choice added. Intervals
    are wider than those of a test of as many rows, since it is another model that is judged than those that predicted. The
    accuracies of the most certain images are moved and widened as the accuracy is. Rows of a class and the confusion are those
    of the predictions.

    Args:
        predictions: One row per held-out image; every row has a label.
        select: The rule by which the recipe was chosen, on the same rows in the same order; None where nothing was chosen.
        draws: Choices that are made again to measure what the choice added.
        fitted_to: What the model was fitted to, after "the model that is kept".

    Returns:
        The evaluation.

    Reference: Tsamardinos, Greasidou & Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
        cross-validation", Machine Learning 2018, section 4 (the interval over rows left out).
    Differs: the width of that interval is had from the interval of a mean of all rows, so that it keeps its width where all
        predictions are right.
    """
    evaluation = evaluation_of(predictions, SPLIT)
    bias = {} if select is None else selection_bias(predictions, select, draws)
    wider = widening_of(len(np.unique(predictions.groups)))
    metrics = {
        name: corrected(one, bias.get(name, 0.0), wider, most=METRICS.get(name).most) for name, one in evaluation.metrics.items()
    }
    moved = bias.get("accuracy", 0.0)
    selective = tuple(
        point.model_copy(update={"accuracy": corrected(point.accuracy, moved, wider, most=1.0)}) for point in evaluation.selective
    )
    return evaluation.model_copy(
        update={
            "metrics": metrics,
            "selective": selective,
            "prediction_sets": set_sizes(predictions),
            "protocol": _protocol(evaluation, bias.get("accuracy"), draws, fitted_to),
        }
    )


def widening_of(num_groups: int) -> float:
    """How much wider the percentiles over bootstrap draws of a mean of the rows left out are than those of all rows.

    A draw leaves out a share h = (1 - 1/n)^n of the groups, and a mean of these has 1 / h - 1 times the variance. With 0.37 that
    is 1.31; a correlation of 1/5 between the errors of five folds, as Nadeau & Bengio assume, gives 1.34. See `MEASURED`.

    Reference: Nadeau & Bengio, "Inference for the Generalization Error", Machine Learning 2003, section 3.
    """
    share = (1 - 1 / num_groups) ** num_groups if num_groups > 1 else 0.0
    return MEASURED * math.sqrt(1 / share - 1) if share else 1.0


def corrected(estimate: Estimate, bias: float, wider: float, *, least: float | None = 0.0, most: float | None = None) -> Estimate:
    """An estimate moved by a bias, its interval widened by a factor; both within what the number can be."""

    def within(end: float) -> float:
        return min(max(end, -math.inf if least is None else least), math.inf if most is None else most)

    value = estimate.value - bias
    low, high = value - wider * (estimate.value - estimate.low), value + wider * (estimate.high - estimate.value)
    return Estimate(value=within(value), low=within(low), high=within(high))


def _protocol(evaluation: Evaluation, bias: float | None, draws: int, fitted_to: str) -> str:
    count = f"{evaluation.num_images:,}"
    made = (
        f"Every one of {count} labeled images was predicted by a model that was fitted without it; the model that is kept "
        f"{fitted_to}, so that the 95% intervals are wider than those of a test of as many images"
    )
    if bias is None:
        return f"{made}."
    points = f"{100 * abs(bias):.1f} points of accuracy"
    moved = f"it added {points}, which are taken off" if bias > 0 else f"it cost {points}, which are given back"
    moved = "it changed the accuracy by nothing" if abs(bias) < SMALLEST_BIAS else moved
    return (
        f"{made}. The choice among the candidates was made on the same images: as choosing again on {draws:,} bootstrap draws "
        f"and judging on the images left out shows (BBC-CV), {moved}."
    )
