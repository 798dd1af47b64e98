"""How many steps a fit takes, and how the step size moves over them."""

from __future__ import annotations

import math

from headstart.training.settings import Training


def num_steps(training: Training, num_rows: int, least_steps: int = 0) -> int:
    """The number of steps that pass `num_rows` rows `training.epochs` times, rounded up; at least `least_steps` an epoch."""
    return max(1, training.epochs * least_steps, math.ceil(training.epochs * num_rows / training.batch_size))


def last_step(training: Training, steps: int) -> int:
    """The steps that are taken of a schedule of so many: all, or those before training is to stop."""
    return min(steps, training.stop_after or steps)


def num_warmup_steps(training: Training, steps: int) -> int:
    """The number of steps over which the step size ramps up."""
    return int(training.warmup * steps)


def rate_factor(training: Training, step: int, steps: int) -> float:
    """The step size of a step, counted from 0, as a share of its peak, in [0, 1].

    Linear from 1/w to 1 over the w warm-up steps, then half a cosine to zero, or constant.

    Reference: Loshchilov & Hutter, "SGDR", ICLR 2017, eq. 5 with one period.
    """
    warmup = num_warmup_steps(training, steps)
    if step < warmup:
        return (step + 1) / warmup
    if training.schedule == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def side_share(training: Training, step: int, steps: int) -> float:
    """The side of the pictures at a step as a share of the whole: from `training.smallest_side` to 1 over the first half.

    It goes in eighths, so that few sizes occur.
    """
    grown = training.smallest_side + (1 - training.smallest_side) * min(1.0, 2 * step / steps)
    return math.ceil(8 * grown) / 8
