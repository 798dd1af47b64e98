"""Accuracy over episodes: the mean with its interval, and how much it depends on the support images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.types import Floats, Integers
from headstart.training.episodes import Episodes

VALUES_AT_ONCE = 1_000_000
"""Features that are gathered at once: 4 MB, which processor caches hold; 64 MB take twice the time."""

LogitsOf: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(support [episode, shot row, feature], targets [episode, shot row, way], query [episode, query row, feature]) to logits
[episode, query row, way]."""


class EpisodeAccuracy(Record):
    """How good a head is on episodes of one shape.

    Attributes:
        ways: Classes an episode.
        shots: Support images a class.
        num_episodes: T.
        accuracy: Mean over episodes, with mean +- 1.96 s / sqrt(T).
        low: The 5 % quantile of the accuracy over episodes.
        high: The 95 % quantile; between the two lie nine of ten support sets.
    """

    ways: int
    shots: int
    num_episodes: int
    accuracy: Estimate
    low: float
    high: float


def correct_queries(logits_of: LogitsOf, rows: Tensor, episodes: Episodes) -> Floats:
    """Whether a head predicts each query right, 1.0 or 0.0, float64 [episode, query row]; episodes index [sample, feature]."""
    targets = torch.nn.functional.one_hot(torch.from_numpy(episodes.support_labels), episodes.ways).to(rows.dtype)
    truth = torch.from_numpy(episodes.query_labels)
    an_episode = (episodes.support.shape[1] + episodes.query.shape[1]) * rows.shape[1]
    step = max(1, VALUES_AT_ONCE // an_episode)
    found = []
    with torch.no_grad():
        for start in range(0, len(episodes), step):
            part = episodes.take(slice(start, start + step))
            support, query = rows[torch.from_numpy(part.support)], rows[torch.from_numpy(part.query)]
            logits = logits_of(support, targets.expand(len(part), -1, -1), query)
            found.append((logits.argmax(dim=-1) == truth).double())
    return torch.cat(found).numpy()


def episode_accuracy(correct: Floats, episodes: Episodes) -> EpisodeAccuracy:
    """Mean, interval and quantiles of the values [episode, query row] that `correct_queries` gives."""
    each = correct.mean(axis=1)
    low, high = np.quantile(each, (0.05, 0.95))
    return EpisodeAccuracy(
        ways=episodes.ways,
        shots=episodes.shots,
        num_episodes=len(episodes),
        accuracy=interval_over_episodes(each),
        low=float(low),
        high=float(high),
    )


def interval_over_episodes(values: Floats) -> Estimate:
    """Mean +- 1.96 s / sqrt(T); the ends fall on the mean where there is one episode only."""
    mean = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(value=mean, low=float(mean - half), high=float(mean + half))


def interval_over_classes(gains: Floats, classes: Integers) -> Estimate:
    """The mean over classes of each class's mean gain, +- 2 s / sqrt(number of classes).

    The classes are the sample, and not the episodes: thousands of episodes drawn from a few dozen classes repeat the same images.

    Args:
        gains: float64 [query], the gain of one head over another.
        classes: int64 [query], the class of each query.

    Returns:
        The mean with its interval; infinitely wide for one class.
    """
    _, places = np.unique(classes, return_inverse=True)
    counts = np.bincount(places)
    means = np.bincount(places, weights=gains) / counts
    half = 2.0 * float(means.std(ddof=1)) / np.sqrt(len(means)) if len(means) > 1 else float("inf")
    mean = float(means.mean())
    return Estimate(value=mean, low=float(mean - half), high=float(mean + half))
