"""Training rows that a model keeps as parts of itself, and whether they show the pictures."""

from __future__ import annotations

from typing import Any, NamedTuple

from headstart.core.types import Floats
from headstart.methods.model import Model

ROWS = ("rows", "landmarks")
"""Arrays of heads and novelty detectors that hold training rows, counted or not ("landmarks.0")."""


class StoredRows(NamedTuple):
    """Training rows in a model.

    Attributes:
        pictures: Rows that hold the pixels of a reduced picture.
        features: Other rows: what a network sees of a picture.
    """

    pictures: int
    features: int


def stored_rows(model: Model) -> StoredRows:
    """The most training rows that one of the model's heads or its novelty detector keeps.

    Pixels are kept by a row of the block "pixels", and by any row of a model whose network is the picture itself.
    """
    found = [one for member in _members(model) for one in _of_member(member)]
    return StoredRows(max((one.pictures for one in found), default=0), max((one.features for one in found), default=0))


def _members(model: Model) -> list[Model]:
    others = (*([model.base] if model.base else []), *model.partners)
    return [model, *(one for other in others for one in _members(other))]


def _of_member(model: Model) -> list[StoredRows]:
    shown = model.backbone.card.num_parameters == 0
    counted = _in_head(model.head.arrays(), model.head.settings())
    if model.novelty_detector is not None:
        counted.append((_num_rows(model.novelty_detector.arrays()), False))
    return [StoredRows(num, 0) if shown or pixels else StoredRows(0, num) for num, pixels in counted]


def _in_head(arrays: dict[str, Floats], settings: dict[str, Any]) -> list[tuple[int, bool]]:
    """The rows in each part of a head, and whether there are pixels in them."""
    if "heads" not in settings:
        return [(_num_rows(arrays), "pixels" in (settings.get("blocks") or ""))]
    found = []
    for place, one in enumerate(settings["heads"]):
        own = {name.removeprefix(f"{place}."): array for name, array in arrays.items() if name.startswith(f"{place}.")}
        found += _in_head(own, one)
    return found


def _num_rows(arrays: dict[str, Floats]) -> int:
    return max((len(array) for name, array in arrays.items() if name.partition(".")[0] in ROWS), default=0)
