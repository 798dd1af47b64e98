"""File kind: the ending of a picture's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import ClassVar

from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.evaluation.slices.base import NamedAttribute, SliceInputs

SAME = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif", ".dib": ".bmp"}
"""Endings of the same format."""


class FileKind(NamedAttribute):
    """The ending of the file; rows that are not of files of their own have none."""

    title: ClassVar[str] = "File kind"

    def names(self, inputs: SliceInputs) -> Sequence[str]:
        endings = [PurePosixPath(name).suffix.lower() for name in inputs.predictions.names]
        return [SAME.get(one, one) if one in IMAGE_SUFFIXES else "" for one in endings]

    def phrase(self, name: str) -> str:
        return f"images in {name} files"
