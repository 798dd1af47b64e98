"""Learning-rate finder: how the loss moves while the step size grows step by step, and the step size that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from headstart.core.errors import TrainingError
from headstart.core.records import Migration, Record, renamed
from headstart.data.streams import Stream
from headstart.training.learner import Learner
from headstart.training.loop import AfterStep, fit_for
from headstart.training.objective import Losses
from headstart.training.settings import Training

NUM_STEPS = 100
LOWEST, HIGHEST = 1e-6, 10.0
"""Step sizes at which the test begins and ends; the upper one is the largest that `training.lr` allows."""
SMOOTHING = 0.9
"""Decay of the smoothed loss a step. Gugger takes 0.98, which lags by three decades where a hundred steps pass through seven."""
TOO_HIGH = 4.0
"""Times its lowest value: where the smoothed loss gets there, the test ends."""
LOW_FACTOR = 1.1
"""Times its lowest value: up to there the smoothed loss counts as still low."""
MARGIN = 10.0
"""The suggested step size is the largest good one divided by this, as in Howard & Gugger."""


class LearningRateCurve(Record):
    """The loss at growing step sizes.

    Attributes:
        learning_rates: Step sizes of the head, ascending.
        losses: The loss before each step, smoothed.
        suggested: The step size that follows.
        before: What `training.lr` was.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("rates", "learning_rates"),)
    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggested: float
    before: float

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        end = (
            f"at {self.learning_rates[-1]:.2g} the loss had broken away"
            if self.learning_rates[-1] < HIGHEST
            else "the loss never broke away"
        )
        return (
            f"training.lr = {self.suggested:.2g}, a tenth of the largest step size at which the loss was still low; {end} "
            f"(lowest {min(self.losses):.3g}, {len(self.learning_rates)} steps; it was {self.before:.2g} before)."
        )


def learning_rate_curve(
    learner: Learner, streams: dict[str, Stream], losses: Losses, training: Training, after_step: AfterStep | None = None
) -> LearningRateCurve:
    """The loss while the step size grows from 1e-6 to 10, evenly on a logarithmic scale, a step each.

    The test ends where the smoothed loss is four times its lowest value. It costs a hundred steps at most.

    Args:
        learner: Is changed; its rate groups keep their proportions.
        streams: What to draw batches from.
        losses: What is minimized.
        training: Batch size, optimizer and seed; its step size, schedule and averaging are left aside.
        after_step: Called after each step.

    Returns:
        The curve with the step size that `suggested_rate` reads from it.

    Raises:
        TrainingError: The loss is not finite before the first step.

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3 (LR range test); Gugger,
        "How Do You Find A Good Learning Rate", 2018 (exponential growth, smoothing, end at four times the lowest loss).
    """
    flat = training.model_copy(update={"schedule": "constant", "warmup": 0.0, "ema": 0.0, "views": 1, "lr": 1.0})
    grid = np.geomspace(LOWEST, HIGHEST, NUM_STEPS).tolist()
    fit = fit_for(learner, streams, losses, flat, after_step=after_step)
    values: list[float] = []
    with torch.random.fork_rng():
        fit.prepare()
        trained = fit.attempt_state(0)
        scales = [group["peak"] for group in trained.optimizer.param_groups]
        learner.train()
        for step, rate in enumerate(grid):
            for group, scale in zip(trained.optimizer.param_groups, scales, strict=True):
                group["peak"] = scale * rate
            values.append(sum(fit.step(trained, step).values()))
            if not math.isfinite(values[-1]) or smoothed(values)[-1] > TOO_HIGH * min(smoothed(values)):
                break
    learner.cpu()
    shown = smoothed([loss for loss in values if math.isfinite(loss)])
    if not shown:
        raise TrainingError(
            f"loss was {values[0]:g} before the first step, so that no step size can be found. Check the pictures."
        )
    learning_rates = grid[: len(shown)]
    suggested = suggested_rate(learning_rates, shown)
    return LearningRateCurve(learning_rates=tuple(learning_rates), losses=tuple(shown), suggested=suggested, before=training.lr)


def smoothed(losses: Sequence[float]) -> list[float]:
    """Exponential running means, corrected for their beginning, one a loss.

    >>> [round(loss, 3) for loss in smoothed([1.0, 2.0])]
    [1.0, 1.526]
    """
    means, total = [], 0.0
    for count, loss in enumerate(losses, start=1):
        total = SMOOTHING * total + (1 - SMOOTHING) * loss
        means.append(total / (1 - SMOOTHING**count))
    return means


def suggested_rate(learning_rates: Sequence[float], losses: Sequence[float]) -> float:
    """A tenth of the largest step size, in two digits, at which the smoothed loss was within a tenth of its lowest value.

    >>> suggested_rate([0.001, 0.01, 0.1, 1.0], [2.0, 1.0, 1.05, 1.3])
    0.01

    Reference: Howard & Gugger, "Deep Learning for Coders with fastai and PyTorch", 2020, chapter 5 (a tenth of the rate where
        the loss is lowest).
    Differs: the last rate at which the loss is about as low takes the place of the lowest point, which is chance where a fitted
        head leaves the loss flat from the start.
    """
    lowest = int(np.argmin(losses))
    low = next((place for place in range(lowest, len(losses)) if losses[place] > LOW_FACTOR * losses[lowest]), len(losses)) - 1
    return float(f"{learning_rates[low] / MARGIN:.2g}")
