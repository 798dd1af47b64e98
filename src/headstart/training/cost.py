"""What a fit will take, measured by a few of its steps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

import numpy as np
import torch

from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training.batches import Batches
from headstart.training.checkpoint import Trained
from headstart.training.learner import Learner
from headstart.training.loop import Fit, Losses, fit_for, flushed_denormals
from headstart.training.schedule import num_steps
from headstart.training.settings import Training

NUM_STEPS = 3
"""Steps, spread over the training, whose median time is the price of a step."""
REPETITIONS = 2
"""How often each of these steps is timed at least: what else the machine does lengthens it, so that the shortest time counts."""
MOST_REPETITIONS = 10
"""How often at most."""
SECONDS_A_PLACE = 0.1
"""Short steps are timed for so long: the first ones of a process are slower. Chosen, not measured."""


def probe_rows(images: ImageSet, training: Training) -> Integers:
    """Rows enough for one step, int64 [sample]: the first of each class of each domain in turn, two where there are two."""
    labels = images.labels
    if images.domains:
        labels = labels + images.num_classes * np.unique(images.domains, return_inverse=True)[1]
    order = np.argsort(labels, kind="stable")
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order], side="left")
    count = max(min(training.batch_size, len(labels)), 2 * len(np.unique(labels)))
    return np.sort(np.argsort(ranks, kind="stable")[:count])


def cost_probe(
    learner: Learner, few: dict[str, Stream], losses: Losses, training: Training, num_rows: Mapping[str, int]
) -> float:
    """Predicted seconds of a fit, once its learner is built.

    Args:
        learner: What is trained; its weights are changed.
        few: The fit's streams, cut down to a few rows.
        losses: What is minimized.
        training: Budget and optimizer of the fit to come.
        num_rows: Rows of each stream in the fit to come, in the order of its streams.

    Returns:
        Time to decode a row, or to compute its activations, times rows, stream by stream, plus the median time of three
        steps, after one to warm up, times steps. The three are spread over the training, as steps may change on the way, and
        each is the shortest of several.
    """
    fit_for(learner, few, losses, training).prepare()  # what is made ready once is not to be multiplied by the rows
    fit = fit_for(learner, few, losses, training)
    read = sum(_seconds_of_reading(batches) / len(batches) * num_rows[name] for name, batches in fit.streams.items())
    trained = fit.attempt_state(0)
    learner.train()
    with torch.random.fork_rng(), flushed_denormals():
        first, *places = np.linspace(0, fit.steps - 1, NUM_STEPS + 1).astype(int).tolist()
        fit.step(trained, first)
        step = median([_seconds_of_step(fit, trained, place) for place in places])
    learner.cpu()
    return read + step * num_steps(training, next(iter(num_rows.values())), next(iter(few.values())).least_steps)


def _seconds_of_step(fit: Fit, trained: Trained, step: int) -> float:
    found: list[float] = []
    while len(found) < REPETITIONS or (sum(found) < SECONDS_A_PLACE and len(found) < MOST_REPETITIONS):
        begun = time.perf_counter()
        fit.step(trained, step)
        found.append(time.perf_counter() - begun)
    return min(found)


def _seconds_of_reading(batches: Batches) -> float:
    """What making a stream ready takes, without the batch that comes of it: that one grows with steps, not with rows."""
    begun = time.perf_counter()
    batches.prepare()
    ready = time.perf_counter()
    batches.prepare()
    return max(0.0, 2 * ready - begun - time.perf_counter())
