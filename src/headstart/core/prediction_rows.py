"""Prediction rows: what a model says about images, one plain dict an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headstart.core.shown import Shown


class PredictionRows(Shown, list[dict[str, Any]]):
    """One row an image; see `headstart.predict`.

    Args:
        rows: The rows.
        images: The pictures as `headstart.data.images.Images`, one a row; None for feature vectors.
    """

    def __init__(self, rows: Iterable[dict[str, Any]], images: object | None = None) -> None:
        super().__init__(rows)
        self.images = images
