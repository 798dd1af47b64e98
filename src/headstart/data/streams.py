"""Streams: the pictures that a method trains on, and which rows each step takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.data.augmentation.views import View
from headstart.data.images import ImageSet


@dataclass(frozen=True)
class Stream:
    """Pictures to draw batches from, and how they are augmented.

    Attributes:
        images: The pictures with their labels.
        view: How each picture is augmented.
        also: Further views of the same pictures, drawn independently.
        times: Rows a step as a multiple of the training's batch size.
        smooth: Whether labels may be smoothed; not where probabilities are compared with thresholds, as smoothing lowers them.
        least_steps: An epoch of the first stream has at least so many steps, however few its rows.
        margins: Scores of a model that is fitted already, which the learner's scores are added to, float [sample, class]; or
            None.
    """

    images: ImageSet
    view: View
    also: tuple[View, ...] = ()
    times: int = 1
    smooth: bool = True
    least_steps: int = 0
    margins: Floats | None = field(default=None, repr=False)

    def take(self, rows: Integers) -> Stream:
        """The stream of those rows."""
        margins = None if self.margins is None else self.margins[rows]
        return replace(self, images=self.images.take(rows), margins=margins)


def rows_of_step(
    num_rows: int, batch_size: int, step: int, seed: int, stream: str = "train", balanced: Integers | None = None
) -> Integers:
    """The rows of one step, int64 [batch], from an endless sequence of permutations, one permutation an epoch.

    The result depends on the arguments alone, so a run that was killed goes on with the very batch it would have had. No row is
    left out at an epoch's end; a batch that reaches over it goes on in the next permutation. Streams of different names draw
    independently. With `balanced` labels, int64 [sample], every class comes up equally often: an epoch repeats rows of rare
    classes and leaves out rows of frequent ones.
    """
    first, last = step * batch_size, (step + 1) * batch_size
    epochs = range(first // num_rows, (last - 1) // num_rows + 1)
    draws = [generator_for(seed, "rows", stream, epoch) for epoch in epochs]
    orders = [draw.permutation(num_rows) if balanced is None else _balanced_order(balanced, draw) for draw in draws]
    begin = first - epochs.start * num_rows
    return np.concatenate(orders)[begin : begin + batch_size].astype(np.int64)


def _balanced_order(labels: Integers, draw: np.random.Generator) -> Integers:
    """As many rows as there are, each class as often as any other up to one, in random order."""
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    sizes = np.full(len(members), len(labels) // len(members))
    sizes[draw.permutation(len(members))[: len(labels) % len(members)]] += 1
    turns = [
        np.concatenate([draw.permutation(rows) for _ in range(-(-size // len(rows)))])[:size]
        for rows, size in zip(members, sizes.tolist(), strict=True)
    ]
    return draw.permutation(np.concatenate(turns))
