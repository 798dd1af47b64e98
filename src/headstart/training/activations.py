"""Activations: the output of the frozen first part of a network for every view of every picture, computed once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headstart.backbones.boundary import Boundary
from headstart.backbones.engines.base import Engine
from headstart.backbones.engines.choice import REFERENCE, engine_of, known_engine
from headstart.core.errors import TrainingError
from headstart.core.progress import progress
from headstart.core.records import fingerprint_of
from headstart.core.seeds import seed_for
from headstart.core.types import Bytes, Integers
from headstart.data.streams import Stream
from headstart.training.memmap_cache import cached_rows
from headstart.training.pictures import Pictures
from headstart.training.processes import made_once

CHUNK_ROWS = 256
"""Rows whose activations are computed and written at a time; a kill loses no more."""
PRECISION: type[np.floating[Any]] = np.float16
"""Its eleven bits lose less than engines do; values beyond its range are kept in float32."""
MOST_BYTES = 8_000_000_000
"""Disk space for activations: eight views of 22,000 pictures, cut in the middle of EfficientNet-Lite0 at 224 pixels. More
pictures get fewer views."""


class Activations:
    """The activations of a stream's pictures behind a boundary, in a few views that take turns; computed when first needed.

    Activations do not tolerate being moved and cropped as pictures do ("Feature map caching", arXiv 2508.15033), so each picture
    is augmented a few times before the prefix.

    Args:
        boundary: Whose prefix computes the activations.
        name: The stream's name.
        stream: The pictures and how they are varied.
        pictures: The stream's pictures, decoded only while activations are missing.
        num_views: Views of each picture; a plain view needs one, and there are fewer where the disk would fill.
        seed: The training's seed.
        workspace: Where they are kept across kills; None for a temporary file.
    """

    def __init__(
        self, boundary: Boundary, name: str, stream: Stream, pictures: Pictures, num_views: int, seed: int, workspace: Path | None
    ) -> None:
        self.boundary = boundary
        self.name = name
        self.stream = stream
        self.pictures = pictures
        self.seed = seed
        self.workspace = workspace
        per_view = len(stream.images) * int(np.prod(boundary.shape)) * np.dtype(PRECISION).itemsize
        self.num_views = 1 if stream.view.is_plain else max(1, min(num_views, MOST_BYTES // max(per_view, 1)))

    def of(self, rows: Integers, turns: Integers) -> Tensor:
        """Activations as the suffix takes them, float32 [batch, ...], channels last in memory where it is a map.

        `rows` says which pictures, int64 [batch]; `turns` how many times each was shown before, which decides the view.
        """
        found = torch.from_numpy(self._array[turns % self.num_views * len(self.stream.images) + rows]).float()
        return found.contiguous(memory_format=torch.channels_last) if self.boundary.layout == "channels first" else found

    @cached_property
    def _array(self) -> Any:
        return made_once(self._in_least_precision)

    def _in_least_precision(self) -> Any:
        try:
            return self._written(PRECISION)
        except _TooLargeError:
            return self._written(np.float32)

    def _written(self, precision: type[np.floating[Any]]) -> Any:
        most = np.finfo(precision).max

        def make(start: int, stop: int) -> Any:
            found = np.concatenate(list(self._seen(start, stop)))
            if not np.isfinite(found).all():
                raise TrainingError(f"{self.boundary.stage} puts out values that are no numbers. Choose other weights.")
            if np.abs(found).max() > most:
                raise _TooLargeError
            return found.astype(precision)

        shape = (self.num_views * len(self.stream.images), *self.boundary.shape)
        with progress(shape[0], f"computing activations up to {self.boundary.stage}") as advance:
            return cached_rows(shape, precision, make, self._place(precision), CHUNK_ROWS, advance)

    def _seen(self, start: int, stop: int) -> Iterator[Any]:
        """What the prefix makes of those rows of all views, one view behind the other, batch by batch."""
        pictures, engine = self._shown(start, stop), self._engine
        starts = range(0, len(pictures), engine.batch_rows)
        for (found,) in engine.run(pictures[at : at + engine.batch_rows] for at in starts):
            yield found

    @cached_property
    def _engine(self) -> Engine:
        return engine_of(self.boundary.prefix, lambda count: self._shown(0, count))

    def _shown(self, start: int, stop: int) -> Bytes:
        chosen = self.pictures()[np.arange(start, stop) % len(self.stream.images)]
        if self.stream.view.is_plain:
            return chosen
        generator = torch.Generator().manual_seed(seed_for(self.seed, "view", self.name, "turns", start))
        varied = self.stream.view.apply(torch.from_numpy(chosen).permute(0, 3, 1, 2), generator)
        shown: Bytes = varied.mul_(255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        return shown

    def _place(self, precision: type[np.floating[Any]]) -> Path | None:
        if self.workspace is None:
            return None
        drawn = [self.stream.images.content_keys, str(self.stream.view), self.seed, self.name, self.num_views]
        engine = known_engine(self.boundary.backbone) or REFERENCE
        computed = [self.boundary.backbone.weights_hash, self.boundary.stage, self.pictures.transform.to_dict(), engine]
        return self.workspace / "cache" / f"{fingerprint_of([drawn, computed])}.{np.dtype(precision).name}"


class _TooLargeError(Exception):
    """A value does not fit the precision."""
