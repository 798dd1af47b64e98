"""Pictures of a request: uploaded, then decoded by threads to the sizes that a model takes."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.types import Bytes, Integers
from headstart.data.decoding import NoPictureError, TooManyPixelsError, decode_opened, opened_image
from headstart.data.images import Images
from headstart.data.resizing import resized_to_square
from headstart.serving.limits import Room

LONGEST_NAME = 120
"""Characters of a file's name that an answer repeats."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Upload:
    """A file of a request.

    Attributes:
        name: What answers call it: its name without folders.
        content: Its bytes.
    """

    name: str
    content: bytes = field(repr=False)

    @classmethod
    def of(cls, name: str | None, content: bytes, position: int) -> Upload:
        """The file with that name, of which the last part is kept; one without a name is called by its position."""
        last = UNPRINTABLE.sub("", re.split(r"[/\\]", name or "")[-1])[-LONGEST_NAME:]
        return cls(last or f"images[{position}]", content)


@dataclass(frozen=True)
class DecodedPicture:
    """A picture at the sizes that a model takes.

    Attributes:
        name: What answers call it.
        key: SHA-256 of its file.
        squares: uint8 [height, width, channel], by side.
    """

    name: str
    key: str
    squares: dict[int, Bytes] = field(repr=False)


@dataclass(frozen=True)
class Unreadable:
    """A file that is no picture, or none that is taken.

    Attributes:
        name: What answers call it.
        status: Of HTTP, where no other picture of the request can be read.
        code: A stable name of the reason.
        sentence: Why it cannot be read.
    """

    name: str
    status: int
    code: str
    sentence: str


def decoded(upload: Upload, sides: Sequence[int], room: Room) -> DecodedPicture | Unreadable:
    """The picture in a file as a prediction of the file itself would see it, at each of those sides.

    It is decoded as soon as there is room for its pixels; one that has more than all the room is not read.
    """
    squares = {}
    try:
        for side in sides:
            opened = opened_image(io.BytesIO(upload.content), upload.name, side, room.num_pixels)
            with room.taken(opened.num_pixels):
                image = decode_opened(opened, upload.name).image
                squares[side] = resized_to_square(np.asarray(image)[None], side)[0]
    except DataError as error:
        return unreadable(upload.name, error)
    return DecodedPicture(upload.name, hashlib.sha256(upload.content).hexdigest(), squares)


def unreadable(name: str, error: DataError) -> Unreadable:
    """Why a file cannot be read, as a status and a sentence."""
    if isinstance(error, NoPictureError):
        return Unreadable(name, 415, "no-picture", str(error))
    if isinstance(error, TooManyPixelsError):
        return Unreadable(name, 422, "too-many-pixels", str(error))
    return Unreadable(name, 422, "damaged-picture", str(error))


@dataclass(frozen=True)
class DecodedImages(Images):
    """Pictures that were decoded already, at the sizes that a model takes."""

    pictures: tuple[DecodedPicture, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, row: int) -> str:
        return self.pictures[row].name

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        squares = self.pictures[row].squares
        return Image.fromarray(squares[max(squares)])

    def squares(self, rows: Integers, pixels: int) -> Bytes:
        return np.stack([self.pictures[int(row)].squares[pixels] for row in rows])

    def content_key(self, row: int) -> str:
        return self.pictures[row].key

    def take(self, rows: Integers) -> DecodedImages:
        return DecodedImages(tuple(self.pictures[int(row)] for row in rows))
