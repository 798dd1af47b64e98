"""Attribute: something that images have in common, by which they are sorted into slices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headstart.core.predictions import Predictions
from headstart.core.types import Booleans, Floats
from headstart.data.class_names import natural_order
from headstart.data.images import Images

TAILS = (0.1, 0.2, 0.4)
"""Shares of the images with the lowest and with the highest values that are slices. Chosen, not measured: a slice that is worse
on purpose and covers another share is found by the nearest of them (`python -m benchmarks.slices`)."""
FIFTHS = (0.2, 0.4, 0.6, 0.8)


class NamedRows(NamedTuple):
    """Images with something in common.

    Attributes:
        name: What they have in common, as a noun phrase.
        rows: bool [sample].
    """

    name: str
    rows: Booleans


@dataclass(frozen=True)
class SliceInputs:
    """What attributes are told from.

    Attributes:
        predictions: One row an image; every row has a label.
        images: The pictures of the rows; None where they are not at hand or are feature vectors.
        features: float [sample, feature], what the model's network sees; None where they are not at hand.
        measured: By attribute, what was measured of each picture; without those that were not.
    """

    predictions: Predictions
    images: Images | None = field(repr=False, default=None)
    features: Floats | None = field(repr=False, default=None)
    measured: dict[str, list[Any]] = field(repr=False, default_factory=dict)


class Attribute(ABC):
    """Something that images have in common.

    Attributes:
        title: What a table calls it.
        within_classes: Whether a slice is compared with other images of its classes; the class itself cannot be.
        whole_groups: Whether images of one group count as one draw; they cannot where the slices are groups.
        told_elsewhere: Whether an evaluation has rows of its own for it.
    """

    title: ClassVar[str]
    within_classes: ClassVar[bool] = True
    whole_groups: ClassVar[bool] = True
    told_elsewhere: ClassVar[bool] = False

    @abstractmethod
    def column(self, inputs: SliceInputs) -> NDArray[Any] | None:
        """The value of each row, [sample]; None where the attribute is not known."""

    @abstractmethod
    def slices(self, column: NDArray[Any], among: Booleans) -> Iterator[NamedRows]:
        """Slices of the images in `among`, bool [sample], which may overlap."""

    @abstractmethod
    def table(self, column: NDArray[Any]) -> Iterator[NamedRows]:
        """Slices that do not overlap, each with the name of its value."""


class OfPictures(Attribute):
    """An attribute that is measured of each picture."""

    @staticmethod
    @abstractmethod
    def of_picture(picture: Floats) -> float | str:
        """The value for one picture, float32 [height, width, channel] in 0 to 255, shorter side at most 128 pixels."""


class NamedAttribute(Attribute):
    """An attribute whose values are names."""

    @abstractmethod
    def names(self, inputs: SliceInputs) -> Sequence[str] | None:
        """The value of each row, empty where it has none; None where the attribute is not known."""

    @abstractmethod
    def phrase(self, name: str) -> str:
        """Images with that value, as a noun phrase."""

    def column(self, inputs: SliceInputs) -> NDArray[Any] | None:
        names = self.names(inputs)
        return None if names is None else np.array(names, dtype=object)

    def slices(self, column: NDArray[Any], among: Booleans) -> Iterator[NamedRows]:
        yield from (NamedRows(self.phrase(name), rows & among) for name, rows in self.table(column))

    def table(self, column: NDArray[Any]) -> Iterator[NamedRows]:
        yield from (NamedRows(name, column == name) for name in natural_order({name for name in column if name}))


class MeasuredAttribute(Attribute):
    """An attribute whose values are numbers.

    Attributes:
        lowest: The adjective for images with the lowest values.
        highest: That for those with the highest.
    """

    lowest: ClassVar[str]
    highest: ClassVar[str]

    def slices(self, column: NDArray[Any], among: Booleans) -> Iterator[NamedRows]:
        for share in TAILS if among.any() else ():
            low, high = np.quantile(column[among], [share, 1 - share])
            yield NamedRows(f"the {self.lowest} {share:.0%} of images (up to {_shown(low)})", among & (column <= low))
            yield NamedRows(f"the {self.highest} {share:.0%} of images (from {_shown(high)} on)", among & (column >= high))

    def table(self, column: NDArray[Any]) -> Iterator[NamedRows]:
        place = np.searchsorted(np.unique(np.quantile(column, FIFTHS)), column, side="left")
        for one in np.unique(place):
            rows = place == one
            yield NamedRows(f"{_shown(column[rows].min())} to {_shown(column[rows].max())}", rows)


class MeasuredOfPictures(MeasuredAttribute, OfPictures):
    """A number that is measured of each picture."""

    def column(self, inputs: SliceInputs) -> NDArray[Any] | None:
        name = type(self).__module__.rsplit(".", 1)[-1]
        return np.asarray(inputs.measured[name], float) if name in inputs.measured else None


def _shown(number: float) -> str:
    """A measured number with three digits or more."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
