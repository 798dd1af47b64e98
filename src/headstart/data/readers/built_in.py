"""Reader for sets that are known by name."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.errors import DataError, did_you_mean
from headstart.data.built_in import BUILT_IN, built_in_names
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader


class BuiltInReader(Reader):
    """Reads a built-in set by its name. A folder of the same name is meant by a path with a slash: `./digits`."""

    precedence: ClassVar[int] = 100
    summary: ClassVar[str] = "the name of a built-in set"

    def recognizes(self, place: str) -> bool:
        return place in built_in_names()

    def read(self, place: str) -> RawDataset:
        for kind in BUILT_IN.all().values():
            if place in kind.names:
                return kind().read(place)
        raise DataError(f'"{place}" is not a built-in set.{did_you_mean(place, built_in_names())}')
