"""Batches: pictures decoded once, then drawn, varied and moved to the device step by step."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.core.records import fingerprint_of, write_atomically
from headstart.core.seeds import seed_for
from headstart.core.types import Bytes
from headstart.data.images import ImageSet
from headstart.data.streams import Stream, rows_of_step
from headstart.data.transforms import Transform

IN_MEMORY_BYTES = 1_000_000_000
CHUNK_ROWS = 1024


@dataclass(frozen=True)
class Batch:
    """One step's share of a stream.

    Attributes:
        images: float32 in [0, 1], [batch, channel, height, width], channels last in memory.
        labels: int64 [batch].
        rows: int64 [batch]: where the pictures lie in the stream.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor


class Batches:
    """A stream's batches by step number; the same arguments give the same batch, whatever came before.

    Args:
        name: The stream's name.
        stream: What to draw from; its labels are read.
        transform: How pictures become input.
        batch_size: Rows a step.
        seed: The training's seed.
        workspace: Where pictures that do not fit in memory are kept; a temporary file otherwise.
    """

    def __init__(
        self, name: str, stream: Stream, transform: Transform, batch_size: int, seed: int, workspace: Path | None = None
    ) -> None:
        self.name = name
        self.view = stream.view
        self.batch_size = batch_size
        self.seed = seed
        self.pixels = decoded(stream.images, transform, workspace)
        self.labels = stream.images.labels

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.pixels)

    def at(self, step: int, device: torch.device) -> Batch:
        """The batch of a step, counted from 0."""
        rows = rows_of_step(len(self), self.batch_size, step, self.seed, self.name)
        generator = torch.Generator().manual_seed(seed_for(self.seed, "view", self.name, step))
        # A view of [batch, height, width, channel] is channels last already: nothing is copied.
        images = torch.from_numpy(self.pixels[rows]).permute(0, 3, 1, 2).to(device)
        shown = self.view.apply(images, generator).contiguous(memory_format=torch.channels_last)
        return Batch(shown, torch.from_numpy(self.labels[rows]).to(device), torch.from_numpy(rows))


def decoded(images: ImageSet, transform: Transform, workspace: Path | None = None) -> Bytes:
    """Every picture as the network takes it, decoded once.

    Args:
        images: The pictures.
        transform: How a picture becomes input.
        workspace: Where a memory map is kept when the pictures exceed a gigabyte; it outlives a kill.

    Returns:
        uint8 [sample, height, width, channel], in memory or memory-mapped.
    """
    shape = (len(images), transform.pixels, transform.pixels, transform.channels)
    if np.prod(shape, dtype=np.int64) <= IN_MEMORY_BYTES:
        return transform.decode(images.images, np.arange(len(images)))
    if workspace is None:
        return _fill(np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=shape), images, transform, None)
    stem = workspace / "cache" / fingerprint_of([images.content_keys, transform.to_dict()])
    stem.parent.mkdir(parents=True, exist_ok=True)
    target = stem.with_suffix(".u8")
    mode = "r+" if target.exists() and target.stat().st_size == np.prod(shape, dtype=np.int64) else "w+"
    marker = stem.with_suffix(".json")
    if mode == "w+":
        marker.unlink(missing_ok=True)
    return _fill(np.memmap(target, np.uint8, mode, shape=shape), images, transform, marker)  # type: ignore[call-overload]


def _fill(array: Bytes, images: ImageSet, transform: Transform, marker: Path | None) -> Bytes:
    done = int(json.loads(marker.read_text())["rows"]) if marker and marker.exists() else 0
    for start in range(done, len(array), CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, len(array))
        array[start:stop] = transform.decode(images.images, np.arange(start, stop))
        if marker:
            array.flush()  # type: ignore[attr-defined]
            write_atomically(marker, json.dumps({"rows": stop}))
    return array
