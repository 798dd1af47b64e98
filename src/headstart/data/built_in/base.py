"""BuiltIn: one or several sets of pictures known by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from headstart.core.types import Bytes
from headstart.data.images import ArrayImages
from headstart.data.raw_dataset import RawDataset


class BuiltIn(ABC):
    """Where a named set comes from.

    Attributes:
        names: One line about each set, by name.
    """

    names: ClassVar[dict[str, str]]

    @abstractmethod
    def read(self, name: str) -> RawDataset:
        """The set.

        Args:
            name: One of `names`.

        Returns:
            The listing.

        Raises:
            DataError: Its files are not where they are looked for; one sentence.
            MissingExtraError: It needs a package that is not installed.
        """


def array_listing(
    name: str,
    pixels: Bytes,
    labels: tuple[str, ...],
    *,
    splits: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    domains: tuple[str, ...] = (),
) -> RawDataset:
    """A listing of pictures in memory.

    Args:
        name: Name of the set.
        pixels: uint8 [sample, height, width, 1 or 3].
        labels: A class name per row.
        splits: The split of each row; absent where the program splits.
        groups: The group of each row; absent where every row stands alone.
        domains: The domain of each row; absent where there is one.

    Returns:
        The listing.
    """
    count = len(pixels)
    empty = ("",) * count
    images = ArrayImages(pixels, name, np.arange(count))
    return RawDataset(name, images, labels, splits or empty, groups or empty, domains or empty)
