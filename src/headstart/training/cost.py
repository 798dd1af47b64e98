"""What a fit will take, by the operations of a few of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

import numpy as np
import torch

from headstart.backbones.backbone import Backbone
from headstart.backbones.machine_speed import slowness
from headstart.backbones.operations import counted, seconds_of_extraction, seconds_of_reading
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.streams import Stream
from headstart.training.batches import Batches
from headstart.training.learner import Learner
from headstart.training.loop import fit_for, flushed_denormals
from headstart.training.objective import Losses
from headstart.training.pictures import IN_MEMORY_BYTES
from headstart.training.schedule import last_step, num_steps
from headstart.training.settings import Training

NUM_STEPS = 3
"""Steps, spread over the training, whose median is the price of a step: progressive sizes change it on the way."""

PROCESS_BYTES = 1_000_000_000
"""Memory of a process that trains, without what grows with the fit: 0.7 to 0.9 GB were measured, PyTorch included."""
BYTES_A_PARAMETER = 20
"""Of training: the weight, its gradient, two moments of AdamW and the averaged weight, in single precision."""
WHOLE_FITS = 1.7
"""A whole fit takes so many times what its counted operations predict: 50 seconds against 27 for the small residual network and
97 against 63 for LP-FT behind the first third, both on 1,128 emoji (two cores, AMD EPYC Zen 4, nothing else running); networks
that are trained whole take 0.9 to 1.5 times as long on digits."""


def memory_of_fit(backbone: Backbone, num_rows: int) -> int:
    """Bytes of memory that a fit to so many pictures takes, about: the process, the network in training, decoded pictures."""
    pixels = num_rows * backbone.transform.pixels**2 * backbone.transform.channels
    num_parameters = sum(parameter.numel() for parameter in backbone.parameters())
    return PROCESS_BYTES + BYTES_A_PARAMETER * num_parameters + min(pixels, IN_MEMORY_BYTES)


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
    """Predicted seconds of a fit, once its learner is built: its operations at the rates of this machine.

    No clock is read, so that a busy machine foresees what an idle one does.

    Args:
        learner: What is trained; its weights are changed.
        few: The fit's streams, cut down to a few rows.
        losses: What is minimized.
        training: Budget and optimizer of the fit to come.
        num_rows: Rows of each stream in the fit to come, in the order of its streams.

    Returns:
        Seconds to read every row, or to compute its activations, stream by stream, plus the median of a few steps, times steps.
    """
    fit = fit_for(learner, few, losses, training)
    fit.prepare()
    steps = last_step(training, num_steps(training, next(iter(num_rows.values())), next(iter(few.values())).least_steps))
    read = sum(_seconds_to_prepare(batches, num_rows[name], training, steps) for name, batches in fit.streams.items())
    trained = fit.attempt_state(0)
    learner.train()
    prices = []
    with torch.random.fork_rng(), flushed_denormals():
        for place in np.linspace(0, fit.steps - 1, NUM_STEPS).astype(int).tolist():
            with counted() as found:
                fit.step(trained, place)
            prices.append(found.seconds)
    learner.cpu()
    return slowness() * WHOLE_FITS * (read + median(prices) * steps)


def _seconds_to_prepare(batches: Batches, num_rows: int, training: Training, steps: int) -> float:
    """What reading the rows takes, and their activations in every view where a part is frozen."""
    seconds = seconds_of_reading(batches.transform) * num_rows
    for activations in batches.activations:
        passes = -(-steps * batches.batch_size // max(1, num_rows))
        views = 1 if activations.stream.view.is_plain else min(training.views, passes)
        seconds += seconds_of_extraction(activations.boundary.prefix, batches.transform) * num_rows * views
    return seconds
