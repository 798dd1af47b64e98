"""Pictures in files and in memory, one after the other, or what makes one when it is asked for."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TypeAlias, overload

import numpy as np
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.types import Integers
from headstart.data.addresses import shown_name
from headstart.data.decoding import as_shown, decode_image, open_file
from headstart.data.images import Encoded, Images, fetch_if_absent

Item: TypeAlias = Path | Image.Image | bytes
"""One picture; bytes are those of a file."""
ORIGIN = "images"
"""What images in memory are called: "images[3]" is the fourth one."""


class Items(Sequence[Item]):
    """Pictures that are made when they are asked for, such as those of a table."""

    @abstractmethod
    def item(self, row: int) -> Item:
        """The picture of a row."""

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> list[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | list[Item]:
        return [self.item(at) for at in range(*row.indices(len(self)))] if isinstance(row, slice) else self.item(row)


class Excerpt(Items):
    """Some of the pictures, made already, and their names.

    Args:
        items: By row.
        names: Likewise.
    """

    def __init__(self, items: dict[int, Item], names: dict[int, str]) -> None:
        self.items = items
        self.names = names

    def __len__(self) -> int:
        return len(self.items)

    def item(self, row: int) -> Item:
        return self.items[row]


@dataclass(frozen=True)
class MixedImages(Images):
    """Pictures in files and in memory, or what makes one when it is asked for.

    Attributes:
        items: A path, a Pillow image or the bytes of a file each.
        rows: The index of each among those that were given.
        origin: What those without a path are called, before their index.
        start: The index of the first item, where others were given before it.
    """

    items: Sequence[Item] = field(repr=False)
    rows: Integers = field(repr=False)
    origin: str = ORIGIN
    start: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def _item(self, row: int) -> Item:
        return self.items[int(self.rows[row])]

    def name(self, row: int) -> str:
        if isinstance(self.items, Excerpt):
            return self.items.names[int(self.rows[row])]
        item = self.items[int(self.rows[row])] if isinstance(self.items, tuple) else None
        return shown_name(item) if isinstance(item, Path) else f"{self.origin}[{self.start + self.rows[row]}]"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        item = self._item(row)
        if isinstance(item, Image.Image):
            return as_shown(item, self.name(row))
        with self._opened(item, row) as stream:
            return decode_image(stream, self.name(row), at_least).image

    def content_key(self, row: int) -> str:
        found = self.opened(row)
        if isinstance(found, tuple):
            return found[1]
        with found:
            return hashlib.file_digest(found, "sha256").hexdigest()

    def encoded(self, row: int) -> Encoded | None:
        item = self._item(row)
        return None if isinstance(item, Image.Image) else self._opened(item, row)

    def opened(self, row: int) -> Encoded | tuple[Image.Image, str]:
        item = self._item(row)
        if not isinstance(item, Image.Image):
            return self._opened(item, row)
        shown = as_shown(item, self.name(row))
        pixels = np.asarray(shown)
        return shown, hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()

    def _opened(self, item: Path | bytes, row: int) -> Encoded:
        if isinstance(item, Path):
            return open_file(fetch_if_absent(item))
        if not item:
            raise DataError(f"{self.name(row)}: is empty (0 bytes). Restore or delete it.")
        return BytesIO(item)

    def take(self, rows: Integers) -> MixedImages:
        return replace(self, rows=self.rows[rows])

    def excerpt(self, rows: Integers) -> MixedImages:
        taken = self.take(rows)
        items = {int(at): taken._portable(row) for row, at in enumerate(taken.rows)}
        return replace(taken, items=Excerpt(items, {int(at): taken.name(row) for row, at in enumerate(taken.rows)}))

    def _portable(self, row: int) -> Item:
        """The item, with the pixels alone of a picture in memory: it may hold an open file."""
        item = self._item(row)
        return as_shown(item, self.name(row)) if isinstance(item, Image.Image) else item

    def file_paths(self) -> tuple[Path, ...]:
        items = map(self._item, range(len(self))) if isinstance(self.items, Excerpt | tuple) else ()
        return tuple(dict.fromkeys(item for item in items if isinstance(item, Path)))

    def with_files(self, moved: Mapping[Path, Path]) -> MixedImages:
        items = {int(at): self._item(row) for row, at in enumerate(self.rows)}
        places = {at: moved[item] if isinstance(item, Path) else item for at, item in items.items()}
        return replace(self, items=Excerpt(places, {int(at): self.name(row) for row, at in enumerate(self.rows)}))
