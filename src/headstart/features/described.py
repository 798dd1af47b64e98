"""Described: what a backbone sees in pictures, batch by batch, read by other threads while the engine runs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice

import numpy as np

from headstart.backbones.batch_rows import rows_that_fit
from headstart.backbones.engines.base import Engine
from headstart.backbones.engines.reached import Meter
from headstart.backbones.extractor import Extractor
from headstart.core.types import Bytes, Integers
from headstart.data.images import Images
from headstart.data.prefetch import prefetched
from headstart.data.resizing import prepare_resizing, resized_to_square
from headstart.features.store.chunks import Arrays

PIXELS = 18
"""Side of the pixel block: every picture as the network gets it, resized to 18 x 18 RGB (972 values), so that a set and a single
picture to predict get the same values. Enlarging smaller pictures costs ridge on 8-pixel digits at most 0.2 points of accuracy;
on 28-pixel pictures 18 gives 0.2 to 0.5 points more than 16."""

READ_ROWS = 16
"""Pictures that one thread reads at a time, and no more than a batch: a GPU's batch of 256 is read by all threads, and what lies
ready takes 7 MB a core at 224 pixels, whatever the batch. Chosen, not measured."""


def described_chunks(described: Iterator[Arrays], num_rows: int, chunk_rows: int) -> Iterator[Arrays]:
    """The arrays of so many pictures, a chunk at a time: as many whole batches as have `chunk_rows` rows, and the rest last."""
    pending: list[Arrays] = []
    begin = done = 0
    for arrays in described:
        pending.append(arrays)
        done += len(arrays["pixels"])
        if done - begin >= chunk_rows or done == num_rows:
            yield {name: np.concatenate([part[name] for part in pending]) for name in pending[0]}
            pending, begin = [], done


def described(images: Images, rows: Integers, backbone: Extractor, engine: Engine, meter: Meter) -> Iterator[Arrays]:
    """The arrays of the pictures, batch by batch; other threads read the next ones while the engine runs."""
    prepare_resizing(len(rows))
    reduced: deque[Bytes] = deque()
    batch_rows = engine.batch_rows if engine.whole_batches else rows_that_fit(backbone, engine.batch_rows)

    def read(part: Integers) -> tuple[Bytes, Bytes]:
        inputs = backbone.transform.apply(images, part)
        return inputs, resized_to_square(inputs, PIXELS).reshape(len(inputs), -1)

    def inputs() -> Iterator[Bytes]:
        with closing(prefetched(meter.reads(read), _portions(rows, batch_rows))) as ready:
            for start in range(0, len(rows), batch_rows):
                num_rows = min(batch_rows, len(rows) - start)
                batch, pixels = zip(*islice(ready, math.ceil(num_rows / READ_ROWS)), strict=True)
                reduced.append(_joined(pixels))
                yield _joined(batch)

    for outputs in engine.run(meter.waits(inputs())):
        yield {**dict(zip(backbone.output_names, outputs, strict=True)), "pixels": reduced.popleft()}


def _portions(rows: Integers, batch_rows: int) -> Iterator[Integers]:
    """The rows that a thread reads at a time, none across the border of two batches."""
    for start in range(0, len(rows), batch_rows):
        batch = rows[start : start + batch_rows]
        yield from (batch[first : first + READ_ROWS] for first in range(0, len(batch), READ_ROWS))


def _joined(portions: Sequence[Bytes]) -> Bytes:
    return portions[0] if len(portions) == 1 else np.concatenate(portions)
