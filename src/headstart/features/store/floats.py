"""Floats: stored bytes of pictures as numbers in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.core.rows import Index, LazyRows, Rows, excerpt


@dataclass(frozen=True)
class _AsFloats:
    """Reads uint8 rows as floats."""

    pixels: Rows

    def __call__(self, rows: Index) -> Any:
        return as_floats(self.pixels[rows])

    def only(self, rows: Index) -> _AsFloats:
        """See `core.rows.CutReader`."""
        return _AsFloats(excerpt(self.pixels, rows))


def as_floats(pixels: Rows) -> Rows:
    """uint8 values as float32 in [0, 1], lazily where the rows are lazy."""
    if isinstance(pixels, LazyRows):
        return LazyRows(pixels.shape, _AsFloats(pixels))
    return np.asarray(pixels, np.float32) / np.float32(255)
