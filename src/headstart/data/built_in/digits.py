"""Handwritten digits of scikit-learn, at their native 8x8 pixels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headstart.data.built_in.base import BuiltIn, array_images
from headstart.data.raw_dataset import RawDataset

FULL_INK = 16
"""The value of a fully inked cell in scikit-learn's copy."""


class Digits(BuiltIn):
    """1,797 gray 8x8 pictures of the digits 0 to 9, which come with scikit-learn (UCI, CC-BY 4.0)."""

    names: ClassVar[dict[str, str]] = {"digits": "1,797 handwritten digits, 8x8 gray, 10 classes (with scikit-learn)"}
    licenses: ClassVar[dict[str, str]] = {"digits": "CC-BY-4.0"}

    def read(self, name: str) -> RawDataset:
        from sklearn.datasets import load_digits  # noqa: PLC0415  takes a second

        ink, labels = load_digits(return_X_y=True)
        pixels = np.rint(ink * (255 / FULL_INK)).astype(np.uint8).reshape(-1, 8, 8, 1)
        return RawDataset(name, array_images(name, pixels), tuple(str(label) for label in labels))
