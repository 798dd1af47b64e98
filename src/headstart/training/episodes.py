"""Episodes: many small tasks drawn from the rows of many classes, as indices."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.errors import DataError
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Integers

KEYS_AT_ONCE = 4_000_000
"""Random numbers at once: 32 MB."""


@dataclass(frozen=True)
class Episodes:
    """Tasks of equal shape.

    Attributes:
        support: int64 [episode, way * shot], the rows to fit to, way by way.
        query: int64 [episode, way * query], the rows to predict, in the same order.
        ways: Classes an episode.
    """

    support: Integers = field(repr=False)
    query: Integers = field(repr=False)
    ways: int

    def __len__(self) -> int:
        return len(self.support)

    @property
    def shots(self) -> int:
        """Support rows a class."""
        return int(self.support.shape[1]) // self.ways

    @property
    def support_labels(self) -> Integers:
        """The way of each support row, int64 [way * shot]; the same in every episode."""
        return np.repeat(np.arange(self.ways), self.shots)

    @property
    def query_labels(self) -> Integers:
        """The way of each query row, int64 [way * query]."""
        return np.repeat(np.arange(self.ways), self.query.shape[1] // self.ways)

    def take(self, part: slice) -> Episodes:
        """Some of the episodes."""
        return Episodes(self.support[part], self.query[part], self.ways)


def draw_episodes(
    labels: Integers,
    ways: int,
    shots: int,
    queries: int,
    num_episodes: int,
    seed: int,
    support_from: Booleans | None = None,
    query_from: Booleans | None = None,
) -> Episodes:
    """Episodes of random classes and random rows; within an episode no class and no row comes twice.

    Args:
        labels: int64 [sample]; rows below 0 are not drawn.
        ways: Classes an episode.
        shots: Support rows a class.
        queries: Query rows a class.
        num_episodes: How many.
        seed: Of the draws.
        support_from: bool [sample], rows that support may come from, such as those of one domain; None for all. Give both masks
            or none.
        query_from: bool [sample], rows that queries may come from; shares no row with `support_from`.

    Returns:
        The episodes.

    Raises:
        DataError: A number is below 1, or too few classes have enough rows.
    """
    _check_counts(ways=ways, shots=shots, queries=queries)
    known = labels >= 0
    apart = support_from is not None and query_from is not None
    first = _Members.of(labels, known & support_from if support_from is not None else known)
    second = _Members.of(labels, known & query_from if query_from is not None else known)
    enough = (first.counts >= shots) & (second.counts >= queries) if apart else first.counts >= shots + queries
    classes = np.flatnonzero(enough)
    if len(classes) < ways:
        raise DataError(
            f"{ways} ways were asked, and {len(classes)} classes have {shots} + {queries} images for support and query. "
            "Ask for fewer ways, shots or queries, or give more classes."
        )
    draw = generator_for(seed, "episodes")
    chosen = classes[np.argsort(draw.random((num_episodes, len(classes))), axis=1)[:, :ways]]
    if apart:
        return Episodes(first.drawn(chosen, shots, draw), second.drawn(chosen, queries, draw), ways)
    rows = first.drawn(chosen, shots + queries, draw).reshape(num_episodes, ways, shots + queries)
    support, query = (part.reshape(num_episodes, -1) for part in (rows[..., :shots], rows[..., shots:]))
    return Episodes(support, query, ways)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise DataError(f"{name} = {count} was asked, and an episode needs at least 1. Set {name} to 1 or more.")


@dataclass(frozen=True)
class _Members:
    """Rows of each class, int64 [class, most rows], padded by -1, and their counts, int64 [class]."""

    rows: Integers
    counts: Integers

    @classmethod
    def of(cls, labels: Integers, allowed: Booleans) -> _Members:
        counts = np.bincount(labels[allowed], minlength=int(labels.max(initial=-1)) + 1)
        order = np.flatnonzero(allowed)[np.argsort(labels[allowed], kind="stable")]
        places = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.full((len(counts), int(counts.max(initial=1))), -1, np.int64)
        rows[np.repeat(np.arange(len(counts)), counts), places] = order
        return cls(rows, counts)

    def drawn(self, classes: Integers, number: int, draw: np.random.Generator) -> Integers:
        """That many random rows of each class, int64 [episode, way * number]."""
        most = self.rows.shape[1]
        step = max(1, KEYS_AT_ONCE // (classes.shape[1] * most))
        chosen = []
        for start in range(0, len(classes), step):
            own = classes[start : start + step]
            keys = draw.random((*own.shape, most))
            keys[np.arange(most) >= self.counts[own][..., None]] = np.inf
            places = np.argsort(keys, axis=-1)[..., :number]
            chosen.append(self.rows[own[..., None], places].reshape(len(own), -1))
        return np.concatenate(chosen) if chosen else np.empty((0, classes.shape[1] * number), np.int64)
