"""Decoding a picture file as viewers show it: upright, over white, 8 bits a channel, first frame."""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageFile, ImageOps

from headstart.core.errors import DataError
from headstart.data.addresses import shown_name
from headstart.data.flattening import FORMATS, flattened, turn_upright

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"})
"""Lower-case file name endings that are taken for pictures."""

MAX_PIXELS = 178_956_970
"""Larger pictures are refused: a small file can claim a size that fills the memory. Pillow draws its line at the same number."""


class NoPictureError(DataError):
    """A file that is none of the picture formats that are read."""


class TooManyPixelsError(DataError):
    """A picture that is larger than allowed."""


class DecodedImage(NamedTuple):
    """A decoded picture.

    Attributes:
        image: RGB, upright; smaller than in the file where it was decoded at a reduced scale.
        shorter_side: Of the picture in the file, in pixels.
    """

    image: Image.Image
    shorter_side: int


def open_image(path: Path, at_least: int | None = None) -> Image.Image:
    """The picture in a JPEG, PNG, WebP, BMP, TIFF or GIF file, whatever its ending, in RGB as viewers show it.

    EXIF orientation is applied, transparency is laid over white, 16-bit gray is divided by 256, and of several frames the
    first is taken. Where a side of `at_least` pixels suffices, JPEG files are decoded at a reduced scale no smaller than it.
    Raises `DataError` where the file is missing, unreadable, empty, no picture, damaged in any part, or too large.
    """
    with open_file(path) as stream:
        return decode_image(stream, shown_name(path), at_least).image


def open_file(path: Path) -> BufferedReader:
    """The file, opened for reading; `DataError` where it is missing, unreadable, not a regular file, or empty."""
    name = shown_name(path)
    if "\0" in name:
        raise DataError(f"{name!r}: is not a file name. Correct the path.")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{name}: is not a regular file. Remove it, or put the picture itself there.")
        if status.st_size == 0:
            raise DataError(f"{name}: is empty (0 bytes). Restore or delete it.")
        return path.open("rb")
    except FileNotFoundError:
        raise DataError(
            f"{name}: does not exist, or is a link to nothing. Restore the file or remove it from the data."
        ) from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}). Make it readable or remove it.") from None


def decode_image(stream: BinaryIO, name: str, at_least: int | None = None, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """The picture in an open file, which messages call by the name, and its native size; see `open_image`."""
    return decode_opened(opened_image(stream, name, at_least, max_pixels), name)


class OpenedImage(NamedTuple):
    """A picture whose header was read, and nothing more.

    Attributes:
        image: Its size is that at which it will be decoded.
        size: Width and height of the picture in the file, in pixels.
    """

    image: ImageFile.ImageFile
    size: tuple[int, int]

    @property
    def num_pixels(self) -> int:
        """That decoding has in memory: of a progressive JPEG all coefficients, at whatever scale it is decoded."""
        progressive = any(self.image.info.get(name) for name in ("progressive", "progression"))
        width, height = self.size if progressive else self.image.size
        return width * height


def opened_image(stream: BinaryIO, name: str, at_least: int | None = None, max_pixels: int = MAX_PIXELS) -> OpenedImage:
    """The picture in an open file before it is decoded, to know what that will take; see `open_image`."""
    with _as_data_errors(name):
        image = _undecoded(stream, name, max_pixels)
        size = image.size
        if at_least is not None and image.format in {"JPEG", "MPO"}:
            image.draft(None, (at_least, at_least))
        return OpenedImage(image, size)


def decode_opened(opened: OpenedImage, name: str) -> DecodedImage:
    """The picture that was opened, decoded; its file has to be open still."""
    with _as_data_errors(name):
        opened.image.load()
        turn_upright(opened.image)
        return DecodedImage(flattened(opened.image), min(opened.size))


@contextmanager
def _as_data_errors(name: str) -> Iterator[None]:
    """Inside, whatever decoders raise on hostile bytes is a `DataError` that names the picture."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001  decoders raise anything
        reason = " ".join(str(error).split()).rstrip(".") or "no reason given"
        raise DataError(f"{name}: cannot be decoded ({reason}). Restore it, convert it to PNG, or delete it.") from None


def as_shown(image: Image.Image, name: str) -> Image.Image:
    """A Pillow image, which messages call by the name, in RGB as viewers show it; see `open_image`. It stays as it is itself."""
    try:
        upright = ImageOps.exif_transpose(image)
        upright.format = image.format  # says what 16-bit values mean
        return flattened(upright)
    except Exception as error:  # noqa: BLE001  as in `_as_data_errors`
        reason = " ".join(str(error).split()).rstrip(".") or "no reason given"
        raise DataError(f"{name}: cannot be decoded ({reason}). Open it again.") from None


def _undecoded(stream: BinaryIO, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """The picture with its header read.

    `Image.open` would do, but it warns about large pictures before it refuses them, and turning that warning into an error
    means changing the filters of the whole process.
    """
    Image.init()
    prefix = stream.read(16)
    for format_name in FORMATS:
        factory, accepts = Image.OPEN[format_name]
        if accepts is not None and accepts(prefix) is not True:
            continue
        stream.seek(0)
        try:
            image = factory(stream, name)
        except (SyntaxError, IndexError, TypeError, struct.error):
            raise DataError(f"{name}: is a {format_name} file with a damaged header. Restore or delete it.") from None
        width, height = image.size
        if width * height > max_pixels:
            allowed = f"more than the {max_pixels:,} allowed"
            raise TooManyPixelsError(f"{name}: has {width} x {height} pixels, {allowed}. Shrink or delete it.")
        return image
    raise NoPictureError(
        f"{name}: is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture, as it starts with {prefix[:8]!r}. Convert or delete it."
    )
