"""IDX files: MNIST and everything in its format."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import Bytes
from headstart.data.class_names import canonical
from headstart.data.images import ArrayImages
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader

UNSIGNED_BYTE = 8
MAX_BYTES = 2**33
IMAGES_NAME = re.compile(r"(?P<stem>.*)images(?P<rest>[-._]idx3?([-._]ubyte)?)(?P<gz>\.gz)?", re.IGNORECASE)
LABELS_NAME = re.compile(r"(?P<stem>.*)labels(?P<rest>[-._]idx1?([-._]ubyte)?)(?P<gz>\.gz)?", re.IGNORECASE)

FASHION = ("t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
"""Reference: Xiao, Rasul & Vollgraf, "Fashion-MNIST", arXiv 1708.07747, table 2."""


class Idx(Reader):
    """A folder with pairs like train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or .gz, or one file of a pair."""

    precedence = 40
    summary: ClassVar[str] = "MNIST's format: train-images-idx3-ubyte[.gz] with train-labels-idx1-ubyte[.gz], t10k-* beside them"

    def recognizes(self, place: str) -> bool:
        return bool(_image_files(place))

    def read(self, place: str) -> RawDataset:
        by_split: dict[str, Path] = {}
        for file in _image_files(place):
            split = _split_of(file.name)
            if split in by_split:
                raise DataError(
                    f"{place}: both {by_split[split].name} and {file.name} hold {split or 'unsplit'} pictures. "
                    "Point at one of them."
                )
            by_split[split] = file
        pixels: list[Bytes] = []
        numbers: list[int] = []
        splits: list[str] = []
        for split, file in sorted(by_split.items(), key=lambda item: item[0] == "test"):
            some_pixels, some_numbers = _pair(file)
            if pixels and some_pixels.shape[1:] != pixels[0].shape[1:]:
                raise DataError(
                    f"{file}: its pictures are {_size(some_pixels)}, and the others are {_size(pixels[0])}. Use one size."
                )
            pixels.append(some_pixels)
            numbers.extend(some_numbers)
            splits.extend([split if len(by_split) > 1 else ""] * len(some_numbers))
        joined = np.concatenate(pixels)[..., None]
        folder = Path(place).resolve()
        name = canonical((folder if os.path.isdir(place) else folder.parent).name) or "idx"  # noqa: PTH112
        fashion = "fashion" in name.casefold() and max(numbers) < len(FASHION)
        return RawDataset(
            name=name,
            images=ArrayImages(joined, name, np.arange(len(joined))),
            labels=tuple(FASHION[number] if fashion else str(number) for number in numbers),
            splits=tuple(splits),
        )


def _image_files(place: str) -> list[Path]:
    """The files of pictures that a place means; a packed file beside the same file unpacked is left out."""
    if os.path.isfile(place):  # noqa: PTH113  never raises, as Path.is_file may
        path = Path(place)
        if LABELS_NAME.fullmatch(path.name):
            return [partner for partner in _partners(path, "labels", "images", "1", "3") if partner.is_file()][:1]
        return [path] if IMAGES_NAME.fullmatch(path.name) else []
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208  a place may be no path at all
    except (OSError, ValueError):
        return []
    found = [name for name in names if IMAGES_NAME.fullmatch(name)]
    return [Path(place, name) for name in found if not (name.lower().endswith(".gz") and name[:-3] in found)]


def _partners(path: Path, ours: str, theirs: str, our_rank: str, their_rank: str) -> list[Path]:
    """Where the other file of the pair may lie, plain and packed."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    head, _, tail = name.rpartition(next(word for word in (ours, ours.capitalize(), ours.upper()) if word in name))
    partner = f"{head}{theirs}{tail.replace(f'idx{our_rank}', f'idx{their_rank}')}"
    return [path.with_name(partner), path.with_name(f"{partner}.gz")]


def _split_of(name: str) -> str:
    plain = name.casefold()
    return "train" if "train" in plain else "test" if "test" in plain or "t10k" in plain else ""


def _size(pixels: Bytes) -> str:
    return f"{pixels.shape[2]} x {pixels.shape[1]}"


def _pair(images_file: Path) -> tuple[Bytes, list[int]]:
    labels_file = next((path for path in _partners(images_file, "images", "labels", "3", "1") if path.is_file()), None)
    if labels_file is None:
        raise DataError(f"{images_file}: has no file of labels beside it. Put the matching labels-idx1-ubyte file there.")
    pixels, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    if 0 in pixels.shape:
        raise DataError(f"{images_file}: holds no pictures, as its sizes are {pixels.shape}. Get the file again.")
    if len(pixels) != len(labels):
        raise DataError(f"{labels_file}: has {len(labels)} labels for {len(pixels)} pictures. Get both files again.")
    return pixels, labels.tolist()


def read_idx(path: Path, num_dimensions: int) -> Bytes:
    """The uint8 array in an IDX file of unsigned bytes, packed with gzip or not, whatever its ending.

    Raises `DataError` where the file is damaged, not IDX, or of another type or number of dimensions.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            magic = stream.read(4)
            if magic != bytes((0, 0, UNSIGNED_BYTE, num_dimensions)):
                raise DataError(
                    f"{path}: starts with {magic.hex() or 'nothing'}, and an IDX file of bytes in {num_dimensions} dimensions "
                    f"starts with {bytes((0, 0, UNSIGNED_BYTE, num_dimensions)).hex()}. Get the file again."
                )
            sizes = stream.read(4 * num_dimensions)
            shape = struct.unpack(f">{num_dimensions}I", sizes)
            expected = math.prod(shape)
            if expected > MAX_BYTES:
                raise DataError(f"{path}: claims {expected:,} bytes, more than the {MAX_BYTES:,} allowed. Get the file again.")
            content = stream.read(expected + 1)
    except (EOFError, zlib.error, struct.error, gzip.BadGzipFile, MemoryError):
        raise DataError(f"{path}: is damaged or ends early. Get the file again.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Make it readable.") from None
    if len(content) != expected:
        met = "more" if len(content) > expected else f"{len(content):,}"
        raise DataError(f"{path}: holds {met} bytes where its header names {expected:,}. Get the file again.")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
