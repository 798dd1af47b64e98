"""Images: a lazily read sequence of pictures, whatever they come from; ImageSet: such a sequence with its labels."""

from __future__ import annotations

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.records import fingerprint_of
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Booleans, Bytes, Floats, Integers
from headstart.data.addresses import copies, is_copy, shown_name
from headstart.data.decoding import open_file, open_image
from headstart.data.resizing import resized_to_square

Encoded: TypeAlias = BufferedReader | BytesIO
"""The bytes of a picture's file, opened for reading."""


class Stamp(NamedTuple):
    """Where a picture lies, and what changes when its bytes do.

    Attributes:
        place: Its absolute path, or that of the file that holds it, with its position.
        size_bytes: Its size; -1 where it does not exist.
        changed_ns: When the file was changed, in nanoseconds since 1970.
    """

    place: str
    size_bytes: int
    changed_ns: int


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file."""
    place = os.path.abspath(path)  # noqa: PTH100  a link and its target are two rows
    try:
        status = os.stat(place)  # noqa: PTH116
    except (OSError, ValueError):
        return Stamp(place, -1, 0)
    return Stamp(place, status.st_size, status.st_mtime_ns)


class Images(ABC):
    """A sequence of pictures that are read when asked for.

    `embedded` is true where rows are given feature vectors instead of pictures: then `read` raises and `features` holds them.
    """

    embedded: bool = False

    @abstractmethod
    def __len__(self) -> int:
        """The number of pictures."""

    @abstractmethod
    def name(self, row: int) -> str:
        """The name of the picture for people: its path, or set and index."""

    @abstractmethod
    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        """The picture in RGB as viewers show it; `DataError`, with its name, where it cannot be read.

        Where a side of `at_least` pixels suffices, JPEG files may be decoded at a reduced scale no smaller than it.
        """

    def squares(self, rows: Integers, pixels: int) -> Bytes:
        """Those pictures, each resized to a square whatever its aspect, uint8 [sample, pixels, pixels, 3]."""
        out = np.empty((len(rows), pixels, pixels, 3), np.uint8)
        for position, row in enumerate(rows):
            out[position] = resized_to_square(np.asarray(self.read(int(row), at_least=pixels))[None], pixels)[0]
        return out

    @abstractmethod
    def content_key(self, row: int) -> str:
        """SHA-256 of the picture's bytes, in hexadecimal."""

    def encoded(self, row: int) -> Encoded | None:
        """The bytes of the picture's file, opened for reading; None where it is none of a file.

        `DataError` where they are missing, unreadable or none.
        """
        del row
        return None

    def opened(self, row: int) -> Encoded | tuple[Image.Image, str]:
        """The bytes of the picture's file, opened for reading, or the picture with its content key where it is none of a file."""
        stream = self.encoded(row)
        return (self.read(row), self.content_key(row)) if stream is None else stream

    def stamps(self) -> list[Stamp] | None:
        """Where each picture lies, with what changes when its bytes do; None where they lie in memory."""
        return None

    @abstractmethod
    def take(self, rows: Integers) -> Images:
        """The sequence of those rows, in that order."""

    def excerpt(self, rows: Integers) -> Images:
        """The sequence of those rows with nothing of the others, to be sent to another process: files go by their paths."""
        return self.take(rows)

    def file_paths(self) -> tuple[Path, ...]:
        """The files that pictures are read from, each once; none where they lie in memory."""
        return ()

    def with_files(self, moved: Mapping[Path, Path]) -> Images:
        """The same pictures, read from the files at these places instead; all of `file_paths` are among the keys."""
        del moved
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """In another process, copies of what lies in stores are those of its own cache, fetched there when they are read."""
        if any(map(is_copy, self.file_paths())):
            return _arrived, (type(self), self.__dict__, copies())
        return super().__reduce_ex__(protocol)

    def vectors(self) -> Floats:
        """The given feature vectors, float32 [sample, feature]; `DataError` where the rows are pictures."""
        raise DataError("These rows are pictures and carry no feature vectors. Extract features with a backbone first.")


def _arrived(kind: type[Images], state: dict[str, Any], root: Path) -> Images:
    """Pictures whose copies lay in that folder of the process that sent them."""
    images = object.__new__(kind)
    images.__dict__.update(state)
    own = copies()
    if own == root:
        return images
    moved = {path: own / path.relative_to(root) if path.is_relative_to(root) else path for path in images.file_paths()}
    return images.with_files(moved)


_FETCHING = threading.Lock()
"""Threads that read pictures of one shard fetch it once."""


def fetch_if_absent(path: Path, changed_ns: int = 0) -> Path:
    """The path; a copy of what lies in a store is fetched first where this machine lacks it.

    Its time of change becomes `changed_ns` where that is known.
    """
    if is_copy(path) and not path.exists():
        from headstart.data.stores import fetch_absent  # noqa: PLC0415  only pictures of stores need it

        with _FETCHING:
            fetch_absent({path: changed_ns})
    return path


@dataclass(frozen=True)
class FileImages(Images):
    """Pictures in files."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, row: int) -> str:
        return shown_name(self.paths[row])

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return open_image(fetch_if_absent(self.paths[row]), at_least)

    def content_key(self, row: int) -> str:
        with self.encoded(row) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def encoded(self, row: int) -> BufferedReader:
        return open_file(fetch_if_absent(self.paths[row]))

    def stamps(self) -> list[Stamp]:
        return [stamp_of(path) for path in self.paths]

    def take(self, rows: Integers) -> FileImages:
        return FileImages(tuple(self.paths[row] for row in rows))

    def file_paths(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(self.paths))

    def with_files(self, moved: Mapping[Path, Path]) -> FileImages:
        return FileImages(tuple(moved[path] for path in self.paths))


@dataclass(frozen=True)
class ArrayImages(Images):
    """Pictures in memory.

    Attributes:
        pixels: uint8 [sample, height, width, 1 or 3].
        origin: Name of the set, for messages.
        rows: The index of each picture in that set.
    """

    pixels: Bytes = field(repr=False)
    origin: str
    rows: Integers = field(repr=False)

    def __len__(self) -> int:
        return len(self.pixels)

    def name(self, row: int) -> str:
        return f"{self.origin}[{self.rows[row]}]"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        array = self.pixels[row]
        return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).convert("RGB")

    def squares(self, rows: Integers, pixels: int) -> Bytes:
        small = resized_to_square(self.pixels[rows], pixels)
        return np.repeat(small, 3, axis=-1) if small.shape[-1] == 1 else small

    def content_key(self, row: int) -> str:
        array = np.ascontiguousarray(self.pixels[row])
        return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()

    def take(self, rows: Integers) -> ArrayImages:
        return ArrayImages(self.pixels[rows], self.origin, self.rows[rows])


@dataclass(frozen=True)
class Embeddings(Images):
    """Rows that are feature vectors already.

    Attributes:
        features: float32 [sample, feature].
        origin: Name of the set, for messages.
        rows: The index of each row in that set.
    """

    features: Floats = field(repr=False)
    origin: str
    rows: Integers = field(repr=False)
    embedded = True

    def __len__(self) -> int:
        return len(self.features)

    def name(self, row: int) -> str:
        return f"{self.origin}[{self.rows[row]}]"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        raise DataError(f"{self.name(row)} is a feature vector and has no picture. Give a folder of images instead.")

    def content_key(self, row: int) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.features[row]).tobytes()).hexdigest()

    def vectors(self) -> Floats:
        return self.features

    def take(self, rows: Integers) -> Embeddings:
        return Embeddings(self.features[rows], self.origin, self.rows[rows])


@dataclass(frozen=True)
class ImageSet:
    """Pictures with labels.

    Attributes:
        images: The pictures.
        classes: Class names; a label is an index into them.
        hidden_labels: int64 [sample], -1 where unknown. Read them through `labels`, which refuses while the set is sealed.
        groups: int64 [sample]; rows of one group never straddle a split or a fold.
        domains: A domain name per row, empty strings where there is one domain only.
        sealed: True for test sets: the labels cannot be read until evaluation opens the set.
        given_groups: The name of the group that was given for each row, empty where none was; none where no row has one.
    """

    images: Images
    classes: tuple[str, ...]
    hidden_labels: Integers = field(repr=False)
    groups: Integers = field(repr=False)
    domains: tuple[str, ...] = field(repr=False, default=())
    sealed: bool = False
    given_groups: tuple[str, ...] = field(repr=False, default=())

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labels(self) -> Integers:
        """The labels, int64 [sample]; `DataError` where the set is a test set that evaluation has not opened."""
        if self.sealed:
            raise DataError("Test labels are sealed until the final evaluation; select on task.labeled and its folds instead.")
        return self.hidden_labels

    @property
    def num_classes(self) -> int:
        """The number of classes of the task."""
        return len(self.classes)

    @property
    def domain_names(self) -> tuple[str, ...]:
        """The names of the domains, in the order of their first rows; none where rows name no domain."""
        return tuple(dict.fromkeys(self.domains))

    def of_domain(self, name: str) -> ImageSet:
        """The rows of that domain."""
        return self.take(np.array([domain == name for domain in self.domains], bool))

    @property
    def class_counts(self) -> Integers:
        """How many rows each class has, int64 [class]."""
        return np.bincount(self.labels[self.labels != UNLABELED], minlength=self.num_classes)

    def take(self, rows: Integers | Booleans | Sequence[int]) -> ImageSet:
        """The set of those rows (indices, or a mask)."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        domains, given = (tuple(names[row] for row in index) if names else () for names in (self.domains, self.given_groups))
        taken = replace(
            self,
            images=self.images.take(index),
            hidden_labels=self.hidden_labels[index],
            groups=self.groups[index],
            domains=domains,
            given_groups=given,
        )
        return taken.with_content_keys(self.content_keys[row] for row in index) if self.knows_content else taken

    def spaced(self, most: int) -> ImageSet:
        """The set, or that many of its rows, evenly spaced, where it has more."""
        return self if len(self) <= most else self.take(evenly_spaced(len(self), most))

    def labeled_as(self, labels: Integers) -> ImageSet:
        """The same rows with other labels, int64 [sample], such as predicted ones."""
        return self._of_the_same_pictures(replace(self, hidden_labels=labels))

    def in_classes(self, classes: tuple[str, ...], numbers: Integers) -> ImageSet:
        """The same rows in other classes: `numbers` holds the new label of each old one, int64 [class]; sealed as before."""
        known = self.hidden_labels != UNLABELED
        labels = np.full(len(self), UNLABELED, np.int64)
        labels[known] = numbers[self.hidden_labels[known]]
        return self._of_the_same_pictures(replace(self, classes=classes, hidden_labels=labels))

    def without_labels(self) -> ImageSet:
        """The same rows with every label unknown; a test set may be used this way."""
        unknown = np.full(len(self), UNLABELED, np.int64)
        return self._of_the_same_pictures(replace(self, hidden_labels=unknown, sealed=False))

    def opened_for_evaluation(self) -> ImageSet:
        """The same set with readable labels. Only `headstart.evaluation` calls this; a test holds it to that."""
        return self._of_the_same_pictures(replace(self, sealed=False))

    def _of_the_same_pictures(self, other: ImageSet) -> ImageSet:
        """That set, with this one's content keys where they are known."""
        return other.with_content_keys(self.content_keys) if self.knows_content else other

    def with_content_keys(self, keys: Iterable[str]) -> ImageSet:
        """The same set, whose content keys are known to be these, so that no picture is read for them."""
        self.__dict__["content_keys"] = tuple(keys)
        return self

    @property
    def knows_content(self) -> bool:
        """Whether the content keys can be had without reading pictures."""
        return "content_keys" in self.__dict__

    @cached_property
    def content_keys(self) -> tuple[str, ...]:
        """SHA-256 of each picture, in order."""
        return tuple(self.images.content_key(row) for row in range(len(self)))

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any picture, label, group or class name changes."""
        return fingerprint_of([self.content_keys, self.classes, self.hidden_labels.tolist(), self.groups.tolist()])
