"""Articles of clothing at 28x28, from the authors' IDX files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from headstart.core.errors import DataError
from headstart.data.built_in.base import BuiltIn
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.idx import Idx

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


class FashionMNIST(BuiltIn):
    """60,000 and 10,000 gray 28x28 pictures of clothes with the authors' test split (MIT license).

    The files are those of the Debian package `dataset-fashion-mnist`, or the same four in the folder `fashion-mnist` below
    the folder that `HEADSTART_DATA` names.

    Reference: Xiao et al., "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017.
    """

    names: ClassVar[dict[str, str]] = {
        "fashion-mnist": "70,000 articles of clothing, 28x28 gray, 10 classes, test split given (IDX files, Debian package)"
    }
    licenses: ClassVar[dict[str, str]] = {"fashion-mnist": "MIT"}

    def read(self, name: str) -> RawDataset:
        idx = Idx()
        folder = next((folder for folder in _folders() if idx.recognizes(str(folder))), None)
        if folder is None:
            raise DataError(
                'The built-in set "fashion-mnist" was not found. Install the Debian package dataset-fashion-mnist, or put its '
                "four .gz files into a folder fashion-mnist and set HEADSTART_DATA to the folder that holds it."
            )
        return replace(idx.read(str(folder)), name=name)


def _folders() -> list[Path]:
    own = os.environ.get("HEADSTART_DATA")
    return [Path(own) / "fashion-mnist", DEBIAN_FOLDER] if own else [DEBIAN_FOLDER]
