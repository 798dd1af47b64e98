"""Pictures inside of larger files, such as the shards of a data set: each is a range of bytes that is read when asked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.types import Integers
from headstart.data.addresses import is_unpacked
from headstart.data.decoding import decode_image, open_file
from headstart.data.images import Images, Stamp, fetch_if_absent, stamp_of
from headstart.data.mixed_images import Excerpt, Item, MixedImages

MAX_BYTES = 2**30
"""A picture of more bytes is refused: none that is read has so many, and a damaged table can claim any number."""


class Stored(NamedTuple):
    """Where a picture lies.

    Attributes:
        file: The file that holds it.
        start: The position of its first byte.
        size_bytes: How many bytes it has; -1 where a row has no picture.
        name: What messages and tables call it.
    """

    file: Path
    start: int
    size_bytes: int
    name: str


@dataclass(frozen=True)
class StoredImages(Images):
    """Pictures in ranges of bytes of files.

    Attributes:
        files: The files.
        as_read: The stamp of each when its ranges were found: they are those of another picture once it has changed.
        file_of: int64 [sample], an index into `files`.
        starts: int64 [sample], the position of the first byte.
        sizes: int64 [sample], in bytes.
        names: What messages and tables call each picture.
    """

    files: tuple[Path, ...]
    as_read: tuple[Stamp, ...] = field(repr=False)
    file_of: Integers = field(repr=False)
    starts: Integers = field(repr=False)
    sizes: Integers = field(repr=False)
    names: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, pictures: Iterable[Stored]) -> StoredImages:
        """Those pictures, in order."""
        stored = list(pictures)
        files = {file: at for at, file in enumerate(dict.fromkeys(one.file for one in stored))}
        columns = [(files[one.file], one.start, one.size_bytes) for one in stored]
        file_of, starts, sizes = np.array(columns, np.int64).reshape(-1, 3).T
        return cls(tuple(files), tuple(map(stamp_of, files)), file_of, starts, sizes, tuple(one.name for one in stored))

    def __len__(self) -> int:
        return len(self.names)

    def name(self, row: int) -> str:
        return self.names[row]

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        return decode_image(self.encoded(row), self.name(row), at_least).image

    def content_key(self, row: int) -> str:
        return hashlib.sha256(self.encoded(row).getbuffer()).hexdigest()

    def encoded(self, row: int) -> BytesIO:
        size, name = int(self.sizes[row]), self.name(row)
        if size < 0:
            raise DataError(f"{name}: has no picture. Save its bytes, or delete its row.")
        if size == 0:
            raise DataError(f"{name}: is empty (0 bytes). Restore or delete it.")
        if size > MAX_BYTES:
            raise DataError(f"{name}: has {size:,} bytes, more than the {MAX_BYTES:,} allowed. Shrink or delete it.")
        with self._opened(row) as stream:
            stream.seek(int(self.starts[row]))
            content = stream.read(size)
        if len(content) < size:
            raise DataError(f"{name}: has {len(content):,} of its {size:,} bytes: its file is cut off. Get that file again.")
        return BytesIO(content)

    def _opened(self, row: int) -> BufferedReader:
        """The file of a picture; `DataError` where it is no longer the one whose ranges were found."""
        at = int(self.file_of[row])
        fetch_if_absent(self.files[at], self.as_read[at].changed_ns)
        if stamp_of(self.files[at]) == self.as_read[at]:
            stream = open_file(self.files[at])
            found = os.fstat(stream.fileno())
            if (found.st_size, found.st_mtime_ns) == self.as_read[at][1:]:
                return stream
            stream.close()
        raise DataError(f"{self.name(row)}: the file that holds it has changed, or is gone, since it was read. Start again.")

    def stamps(self) -> list[Stamp]:
        now = map(stamp_of, self.files)
        files = [one if one == before else before._replace(size_bytes=-1) for one, before in zip(now, self.as_read, strict=True)]
        return [
            Stamp(f"{files[at].place}#{start}", size if files[at].size_bytes >= 0 else -1, files[at].changed_ns)
            for at, start, size in zip(self.file_of.tolist(), self.starts.tolist(), self.sizes.tolist(), strict=True)
        ]

    def take(self, rows: Integers) -> StoredImages:
        names = tuple(self.names[row] for row in rows)
        return StoredImages(self.files, self.as_read, self.file_of[rows], self.starts[rows], self.sizes[rows], names)

    def excerpt(self, rows: Integers) -> Images:
        taken = self.take(rows)
        if any(is_unpacked(path) for path in self.files):
            contents: dict[int, Item] = {row: taken.encoded(row).getvalue() for row in range(len(taken))}
            return MixedImages(Excerpt(contents, dict(enumerate(taken.names))), np.arange(len(taken)))
        used, file_of = np.unique(taken.file_of, return_inverse=True)
        files, as_read = (tuple(every[at] for at in used) for every in (self.files, self.as_read))
        return replace(taken, files=files, as_read=as_read, file_of=file_of.astype(np.int64))

    def file_paths(self) -> tuple[Path, ...]:
        return self.files

    def with_files(self, moved: Mapping[Path, Path]) -> StoredImages:
        files = tuple(moved[path] for path in self.files)
        stamps = (one._replace(place=stamp_of(path).place) for one, path in zip(self.as_read, files, strict=True))
        return replace(self, files=files, as_read=tuple(stamps))
