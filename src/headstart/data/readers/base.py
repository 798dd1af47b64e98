"""Reader: one file layout, recognized and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from headstart.data.images import Images
from headstart.data.raw_dataset import RawDataset


class Reader(ABC):
    """Recognizes one layout and lists what is in it; a reader never splits, hashes or decodes whole sets.

    Attributes:
        precedence: Readers are asked in descending precedence; the first that recognizes the place reads it.
        of_objects: Whether places are objects in memory, not paths or names.
        of_containers: Whether it reads pictures that lie inside of larger files.
        reads_columns: Whether its data have columns, so that `numbers` may name one.
        numbers: The heading of the column whose numbers are to be predicted, in place of labels; empty for labels.
        summary: One line for `headstart datasets` and for the message when no reader fits.
    """

    precedence: ClassVar[int] = 0
    of_objects: ClassVar[bool] = False
    of_containers: ClassVar[bool] = False
    reads_columns: ClassVar[bool] = False
    numbers: str = ""
    summary: ClassVar[str]

    resolve: Callable[[Any], Reader]
    """Finds the reader of a place that this one's leads to; who finds this reader sets it."""

    @abstractmethod
    def recognizes(self, place: Any) -> bool:
        """Whether the place (a path or a built-in name, or an object) has this layout; never raises."""

    @abstractmethod
    def read(self, place: Any) -> RawDataset:
        """What lies at a place of this layout; `DataError`, of one sentence, where it cannot be used."""

    def read_unsorted(self, place: Any) -> RawDataset:
        """As `read`, but the place may hold no labels at all: rows without one are unlabeled ones."""
        return self.read(place)

    def pictures(self, place: Any) -> Images:
        """The pictures alone, to predict for: every row, in order, those without a picture too; no label is read."""
        return self.read_unsorted(place).images
