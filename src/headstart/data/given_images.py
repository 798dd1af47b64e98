"""Images as people have them in Python: files, folders, Pillow images, arrays and tensors, one or many.

`given_images` says what they are, without a look at pixels; `images_of` makes pictures of them, or feature vectors.
"""

from __future__ import annotations

import hashlib
import os
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, TypeAlias, overload

import numpy as np
from PIL import Image

from headstart.core.arguments import Accepts, NotAcceptedError, path_given
from headstart.core.errors import DataError
from headstart.core.types import Bytes, Floats, Integers
from headstart.data.addresses import is_address, shown_name
from headstart.data.decoding import IMAGE_SUFFIXES, as_shown, decode_image, open_file
from headstart.data.images import ArrayImages, Embeddings, Encoded, FileImages, Images, ImageSet
from headstart.data.joined import JoinedImages

GivenImages: TypeAlias = Any
"""A path, a Pillow image, an array, a tensor, `Images` or an `ImageSet`, or an iterable of such."""
Given: TypeAlias = str | Path | Image.Image | np.ndarray
"""One of the images, or an array of many."""
Item: TypeAlias = Path | Image.Image | bytes
"""One picture; bytes are those of a file."""
ORIGIN = "images"
"""What images in memory are called: "images[3]" is the fourth one."""
CHANNELS = (1, 3, 4)
"""Gray, RGB, and RGB with alpha."""
CONTAINERS = frozenset({".tar", ".parquet", ".arrow"})
"""Endings of files that hold pictures."""
STORED = (1, 3)
"""Channels of `ArrayImages`: alpha is laid over white first, picture by picture."""


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


@dataclass(frozen=True)
class MixedImages(Images):
    """Pictures in files and in memory, or what makes one when it is asked for.

    Attributes:
        items: A path, a Pillow image or the bytes of a file each.
        rows: The index of each among those that were given.
        origin: What those without a path are called, before their index.
    """

    items: Sequence[Item] = field(repr=False)
    rows: Integers = field(repr=False)
    origin: str = ORIGIN

    def __len__(self) -> int:
        return len(self.rows)

    def _item(self, row: int) -> Item:
        return self.items[int(self.rows[row])]

    def name(self, row: int) -> str:
        item = self.items[int(self.rows[row])] if isinstance(self.items, tuple) else None
        return shown_name(item) if isinstance(item, Path) else f"{self.origin}[{self.rows[row]}]"

    def read(self, row: int, at_least: int | None = None) -> Image.Image:
        item = self._item(row)
        if isinstance(item, Image.Image):
            return as_shown(item, self.name(row))
        with self._opened(item, row) as stream:
            return decode_image(stream, self.name(row), at_least).image

    def content_key(self, row: int) -> str:
        stream = self.encoded(row)
        if stream is not None:
            with stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        pixels = np.asarray(self.read(row))
        return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()

    def encoded(self, row: int) -> Encoded | None:
        item = self._item(row)
        return None if isinstance(item, Image.Image) else self._opened(item, row)

    def _opened(self, item: Path | bytes, row: int) -> Encoded:
        if isinstance(item, Path):
            return open_file(item)
        if not item:
            raise DataError(f"{self.name(row)}: is empty (0 bytes). Restore or delete it.")
        return BytesIO(item)

    def take(self, rows: Integers) -> MixedImages:
        return replace(self, rows=self.rows[rows])


def given_images(value: Any) -> Images | list[Given]:
    """What was given, one or many, as a list; `NotAcceptedError` where something is no image.

    Tensors become arrays whose channels stand last.
    """
    if isinstance(value, Images | ImageSet):
        return value.images if isinstance(value, ImageSet) else value
    one = _one(value)
    if one is not None:
        return [one]
    images = None if isinstance(value, bytes | dict | list | tuple | Iterator) else _of_object(value)
    if images is not None:
        return images
    if isinstance(value, bytes | dict) or not isinstance(value, Iterable):
        raise NotAcceptedError(value)
    found = []
    for row, item in enumerate(value):
        one = _one(item)
        if one is None:
            raise NotAcceptedError(item, f"[{row}]")
        found.append(one)
    return found


def _of_object(value: Any) -> Images | None:
    """The pictures of a frame or a Dataset; None where it is none."""
    from headstart.data.readers import is_object, reader_for  # noqa: PLC0415  a prediction seldom needs a reader

    return reader_for(value).read_unsorted(value).images if is_object(value) else None


def _one(value: Any) -> Given | None:
    """A path, a Pillow image or an array of numbers; None where it is something else, such as a list."""
    if isinstance(value, str | os.PathLike):
        return path_given(value)
    if isinstance(value, Image.Image):
        return value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _with_channels_last(value.detach().cpu().float().numpy() if value.is_floating_point() else value.cpu().numpy())
    if not hasattr(value, "__array__"):
        return None
    array = np.asarray(value)
    return array if array.ndim and array.dtype.kind in "buif" else None


def _with_channels_last(array: np.ndarray) -> np.ndarray:
    """An array of a tensor, whose channels stand before its rows and columns."""
    return np.moveaxis(array, -3, -1) if array.ndim in (3, 4) and array.shape[-3] in CHANNELS else array


def image_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files that paths name: files, whatever they are, and the images in folders, in alphabetical order.

    A DataError says that no image is among them.
    """
    given = _local([paths] if isinstance(paths, str | Path) else paths)
    files = [file for path in given for file in (_walked(path) if path.is_dir() else [path])]
    if not files:
        where = f" in {', '.join(map(str, given))}" if given else ": no file or folder is named"
        raise DataError(f"No images{where}. Looked for {', '.join(sorted(IMAGE_SUFFIXES))}.")
    return files


def _local(paths: Iterable[str | Path]) -> list[Path]:
    """The paths; addresses of pictures and of folders are fetched, and give the paths of their copies."""
    given = list(paths)
    addresses = [path for path in given if is_address(path)]
    if not addresses:
        return [Path(path) for path in given]
    from headstart.data.stores import local_files, local_place  # noqa: PLC0415  addresses are rare

    pictures = [path for path in addresses if Path(path).suffix.lower() in IMAGE_SUFFIXES]
    local = local_files(map(str, pictures)) | {str(one): local_place(str(one)) for one in addresses if one not in pictures}
    return [local[str(path)] if is_address(path) else Path(path) for path in given]


def _walked(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def pictures_of(given: Images | list[Given]) -> Images:
    """The pictures that were given; `DataError` where there is none, or an array holds none."""
    if isinstance(given, Images):
        return given
    if len(given) == 1 and isinstance(given[0], np.ndarray):
        pixels = _pixels_of(given[0], ORIGIN)
        if pixels.shape[-1] in STORED:
            return ArrayImages(pixels, ORIGIN, np.arange(len(pixels)))
    inside = [_inside(item) if isinstance(item, str | Path) else None for item in given]
    if all(one is None for one in inside):
        return pictures_from(items_of(given))
    parts = [pictures_from(items_of([item])) if one is None else one for one, item in zip(inside, given, strict=True)]
    return reduce(JoinedImages, parts)


def _inside(path: str | Path) -> Images | None:
    """The pictures inside of a file such as a shard, or of the shards in a folder; None where a path is no such."""
    suffix = Path(path).suffix.lower()
    if suffix in IMAGE_SUFFIXES or not (suffix in CONTAINERS or is_address(path) or Path(path).is_dir()):
        return None
    from headstart.data.readers import pictures_inside  # noqa: PLC0415  as above

    (local,) = _local([path])
    return pictures_inside(str(local))


def pictures_from(items: Sequence[Item]) -> Images:
    """Pictures in files, in memory, or both."""
    paths = tuple(item for item in items if isinstance(item, Path))
    return FileImages(paths) if len(paths) == len(items) else MixedImages(tuple(items), np.arange(len(items)))


def items_of(given: Images | list[Given]) -> list[Item]:
    """A path or a Pillow image for each picture: folders are walked, arrays of many are taken apart."""
    if isinstance(given, FileImages):
        return list(given.paths)
    if isinstance(given, Images):
        return [given.read(row) for row in range(len(given))]
    if all(isinstance(item, str | Path) for item in given):
        return list(image_files(given))  # type: ignore[arg-type]
    items: list[Item] = []
    for row, item in enumerate(given):
        if isinstance(item, Image.Image):
            items.append(item)
        elif isinstance(item, np.ndarray):
            items += map(_as_pillow, _pixels_of(item, ORIGIN if len(given) == 1 else f"{ORIGIN}[{row}]"))
        else:
            items += image_files(item)
    return items


def vectors_of(given: Images | list[Given]) -> Images:
    """The feature vectors that were given as arrays [sample, feature], or [feature] for one; `DataError` where they are none."""
    if isinstance(given, Images):
        return given
    arrays = []
    for row, item in enumerate(given):
        name = ORIGIN if len(given) == 1 else f"{ORIGIN}[{row}]"
        if not isinstance(item, np.ndarray) or item.ndim > 2:
            met = f"an array of shape {item.shape}" if isinstance(item, np.ndarray) else "no array"
            raise DataError(f"{name} is {met}, and the model was fitted on feature vectors. Give an array [sample, feature].")
        if not np.isfinite(item).all():
            raise DataError(f"{name} holds values that are no finite numbers. Give a number for each feature.")
        arrays.append(np.atleast_2d(item))
    if len({array.shape[1] for array in arrays}) > 1:
        raise DataError(f"The arrays in {ORIGIN} have different numbers of features. Give vectors of one network.")
    features = np.concatenate(arrays).astype(np.float32)
    return Embeddings(features, ORIGIN, np.arange(len(features)))


def _as_pillow(pixels: Bytes) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _pixels_of(array: np.ndarray, name: str) -> Bytes:
    """The pictures of an array, uint8 [sample, height, width, channel].

    Two axes are one gray picture. Of three, the last is the channels where it has 1, 3 or 4 entries: one picture; else the first
    is the samples: gray pictures. Four are samples of pictures, whose channels stand last, or first where only that can be.
    """
    shape = array.shape
    if array.ndim == 2:
        array = array[None, ..., None]
    elif array.ndim == 3:
        if shape[-1] not in CHANNELS and shape[0] in CHANNELS[1:]:
            raise DataError(
                f"{name} has the shape {shape}: one picture whose channels stand first, or {shape[0]} gray ones. Give "
                "[height, width, channel], or [sample, height, width, 1]."
            )
        array = array[None] if shape[-1] in CHANNELS else array[..., None]
    elif array.ndim == 4 and shape[-1] not in CHANNELS and shape[1] in CHANNELS:
        array = np.moveaxis(array, 1, -1)
    if array.ndim != 4 or array.shape[-1] not in CHANNELS or not array.size:
        raise DataError(
            f"{name} has the shape {shape}, and no pictures have that. Give [height, width], [height, width, channel] or "
            "[sample, height, width, channel]."
        )
    return _bytes_of(array, name)


def _bytes_of(array: np.ndarray, name: str) -> Bytes:
    """Pixels as bytes: whole numbers from 0 to 255 as they are, real ones from 0 to 1 in 255 steps."""
    if array.dtype == np.uint8:
        return array
    values: Floats = array.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    most = 255 if array.dtype.kind in "iu" else 1
    if not (low >= 0 and high <= most):
        raise DataError(
            f"{name} has values from {low:g} to {high:g}, and those of {array.dtype} pixels go from 0 to {most}. Give whole "
            "numbers from 0 to 255, or real ones from 0 to 1, not normalized."
        )
    return np.rint(values if most == 255 else 255 * values).astype(np.uint8)


def _by_class(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise NotAcceptedError(value)
    made = {}
    for name, images in value.items():
        try:
            made[name] = given_images(images)
        except NotAcceptedError as refused:
            raise NotAcceptedError(refused.value, f"[{name!r}]{refused.place}") from None
    return made


AnyImages: TypeAlias = Annotated[
    GivenImages, Accepts("paths of images, Pillow images, arrays or tensors: one, or a list of such", given_images)
]
"""Images as people have them, one or many."""
ImagesByClass: TypeAlias = Annotated[Mapping[str, GivenImages], Accepts("a dict of images by the name of their class", _by_class)]
"""Images of several classes."""
