"""What a fit will take, measured by a few of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training.learner import Learner
from headstart.training.loop import Losses, fit_for
from headstart.training.schedule import num_steps
from headstart.training.settings import Training

NUM_STEPS = 3


def probe_rows(images: ImageSet, training: Training) -> Integers:
    """Rows enough for one step, with two of every class where there are two, int64 [sample].

    Args:
        images: The training rows.
        training: Names the batch size.

    Returns:
        The first rows of each class in turn.
    """
    labels = images.labels
    order = np.argsort(labels, kind="stable")
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order], side="left")
    count = max(min(training.batch_size, len(labels)), 2 * len(np.unique(labels)))
    return np.sort(np.argsort(ranks, kind="stable")[:count])


def cost_probe(build: Callable[[], Learner], few: dict[str, Stream], losses: Losses, training: Training, num_rows: int) -> float:
    """Predicted seconds of a fit.

    Args:
        build: Makes the learner; its time counts once.
        few: The fit's streams, cut down to a few rows.
        losses: What is minimized.
        training: Budget and optimizer of the fit to come.
        num_rows: Rows of the first stream in the fit to come.

    Returns:
        Time to build, plus time to read a row times rows, plus the median of three steps, after one to warm up, times steps.
    """
    begun = time.perf_counter()
    learner = build()
    built = time.perf_counter()
    fit = fit_for(learner, few, losses, training)
    read = time.perf_counter()
    trained = fit.attempt_state(0)
    learner.train()
    marks = []
    with torch.random.fork_rng():
        for step in range(NUM_STEPS + 1):
            fit.step(trained, step)
            marks.append(time.perf_counter())
    num_read = sum(len(stream.images) for stream in few.values())
    return (
        (built - begun) + (read - built) / num_read * num_rows + median(np.diff(marks).tolist()) * num_steps(training, num_rows)
    )
