"""Streams: what a method asks to be fed, and which rows each step takes from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.views import View


@dataclass(frozen=True)
class Stream:
    """Pictures to draw batches from, and how they are shown.

    Attributes:
        images: The pictures with their labels.
        view: How each picture is varied.
    """

    images: ImageSet
    view: View


def rows_of_step(num_rows: int, batch_size: int, step: int, seed: int, stream: str = "train") -> Integers:
    """The rows of one step: a stretch of an endless row of permutations, one permutation an epoch.

    The answer depends on the arguments alone, so a run that was killed goes on with the very batch it would have had. No row
    is left out at an epoch's end; a batch that reaches over it goes on in the next permutation.

    Args:
        num_rows: Rows in the stream.
        batch_size: Rows a step; it may exceed `num_rows`.
        step: Counted from 0.
        seed: The training's seed.
        stream: The stream's name; two streams draw independently.

    Returns:
        int64 [batch].
    """
    first, last = step * batch_size, (step + 1) * batch_size
    epochs = range(first // num_rows, (last - 1) // num_rows + 1)
    orders = [generator_for(seed, "rows", stream, epoch).permutation(num_rows) for epoch in epochs]
    begin = first - epochs.start * num_rows
    return np.concatenate(orders)[begin : begin + batch_size].astype(np.int64)
