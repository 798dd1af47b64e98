"""Two candidates on the same held-out images, by a paired bootstrap over groups."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri, stdtrit

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.intervals import bootstrap, percentile_interval
from headstart.multioutput.cross_validation import ValidatedOutputs
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.records import OutputComparison
from headstart.multioutput.task import OutputTask
from headstart.planning.deciding.verdict import FOLD_NOISE

DRAWS = 2_000
"""Of the paired bootstrap."""


def mean_gain(first: Floats, second: Floats, groups: Integers, seed: int) -> Estimate:
    """The mean of `second` minus that of `first`, losses [sample] of the same images, with a 95 % interval over groups.

    Deviations are scaled up for few groups, whose bootstrap intervals are too short.
    """
    difference = second - first
    count = len(np.unique(groups))
    mean = float(difference.mean())
    factor = np.sqrt(count / max(count - 1, 1)) * stdtrit(max(count - 1, 1), 0.975) / ndtri(0.975)
    scaled = mean + (difference - mean) * factor
    draws = bootstrap(
        lambda weights: weights @ scaled / weights.sum(axis=1), groups, None, DRAWS, generator_for(seed, "compare outputs")
    )
    return percentile_interval(mean, draws)


def compared_outputs(task: OutputTask, first: ValidatedOutputs, second: ValidatedOutputs) -> OutputComparison:
    """The first candidate against the second, on the images that both predicted out of fold."""
    _, own, other = np.intersect1d(first.held_out.rows, second.held_out.rows, return_indices=True)
    one, two = first.predictions(task).take(own), second.predictions(task).take(other)
    gain = mean_gain(first.losses(task)[own], second.losses(task)[other], one.groups, task.images.seed)
    half = FOLD_NOISE * (gain.high - gain.low) / 2
    wider = Estimate(value=gain.value, low=gain.value - half, high=gain.value + half)
    metric = metrics_for(task.kind.name())[task.kind.primary]

    def difference(weights: Floats) -> Floats:
        return np.asarray(np.asarray(metric.values(one, weights)) - np.asarray(metric.values(two, weights)))

    draws = bootstrap(difference, one.groups, None, DRAWS // 4, generator_for(task.images.seed, "compare metrics"))
    value = float(difference(np.ones((1, len(own))))[0])
    return OutputComparison(
        better=first.candidate.name,
        worse=second.candidate.name,
        loss_gain=wider,
        primary_gain=percentile_interval(value, draws),
        significant=wider.low > 0,
        num_rows=len(own),
    )
