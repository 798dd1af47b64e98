"""Pictures as a network takes them, decoded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.core.records import fingerprint_of
from headstart.core.types import Bytes
from headstart.data.images import ImageSet
from headstart.data.transforms import Transform
from headstart.training.memmap_cache import cached_rows
from headstart.training.processes import made_once

IN_MEMORY_BYTES = 1_000_000_000
"""Decoded pictures of more bytes are a memory map."""
CHUNK_ROWS = 1024
"""Pictures decoded at a time into a memory map; a kill loses no more."""


def decoded(images: ImageSet, transform: Transform, workspace: Path | None = None) -> Bytes:
    """Every picture as the network takes it, decoded once: uint8 [sample, height, width, channel].

    More than a gigabyte is a memory map, kept in the workspace, where it outlives a kill.
    """

    def make(start: int, stop: int) -> Bytes:
        return transform.decode(images.images, np.arange(start, stop))

    shape = (len(images), transform.pixels, transform.pixels, transform.channels)
    if np.prod(shape, dtype=np.int64) <= IN_MEMORY_BYTES:
        return make(0, len(images))
    name = fingerprint_of([images.content_keys, transform.to_dict()])
    pixels: Bytes = cached_rows(shape, np.uint8, make, workspace / "cache" / f"{name}.u8" if workspace else None, CHUNK_ROWS)
    return pixels


class Pictures:
    """A set's pictures, decoded when first asked for; several views of them share one copy. Arguments as for `decoded`."""

    def __init__(self, images: ImageSet, transform: Transform, workspace: Path | None = None) -> None:
        self.images = images
        self.transform = transform
        self.workspace = workspace
        self._decoded: Bytes | None = None

    def __call__(self) -> Bytes:
        """What `decoded` gives."""
        if self._decoded is None:
            self._decoded = made_once(lambda: decoded(self.images, self.transform, self.workspace))
        return self._decoded

    def let_go(self) -> None:
        """Take no memory from now on, until asked again."""
        self._decoded = None
