"""Images as people have them in Python: files, folders, Pillow images, arrays and tensors, one or many.

`given_images` says what they are, without a look at pixels; `images_of` makes pictures of them, or feature vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
from PIL import Image

from headstart.core.arguments import Accepts, NotAcceptedError
from headstart.core.errors import DataError
from headstart.data.addresses import is_address
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import ArrayImages, Embeddings, FileImages, Images, ImageSet
from headstart.data.joined import JoinedImages
from headstart.data.mixed_images import ORIGIN, Item, MixedImages
from headstart.data.pixel_arrays import Given, as_pillow, given_one, pixels_of

GivenImages: TypeAlias = Any
"""A path, a Pillow image, an array, a tensor, `Images` or an `ImageSet`, or an iterable of such."""
CONTAINERS = frozenset({".tar", ".parquet", ".arrow"})
"""Endings of files that hold pictures."""
STORED = (1, 3)
"""Channels of `ArrayImages`: alpha is laid over white first, picture by picture."""


def given_images(value: Any) -> Images | list[Given]:
    """What was given, one or many, as a list; `NotAcceptedError` where something is no image.

    Tensors become arrays whose channels stand last.
    """
    if isinstance(value, Images | ImageSet):
        return value.images if isinstance(value, ImageSet) else value
    one = given_one(value)
    if one is not None:
        return [one]
    images = None if isinstance(value, bytes | dict | list | tuple | Iterator) else _of_object(value)
    if images is not None:
        return images
    if isinstance(value, bytes | dict) or not isinstance(value, Iterable):
        raise NotAcceptedError(value)
    found = []
    for row, item in enumerate(value):
        one = given_one(item)
        if one is None:
            raise NotAcceptedError(item, f"[{row}]")
        found.append(one)
    return found


def _of_object(value: Any) -> Images | None:
    """The pictures of a frame or a Dataset; None where it is none."""
    from headstart.data.readers import is_object, reader_for  # noqa: PLC0415  a prediction seldom needs a reader

    return reader_for(value).pictures(value) if is_object(value) else None


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
        pixels = pixels_of(given[0], ORIGIN)
        if pixels.shape[-1] in STORED:
            return ArrayImages(pixels, ORIGIN, np.arange(len(pixels)))
    inside = [_inside(item) if isinstance(item, str | Path) else None for item in given]
    if all(one is None for one in inside):
        return pictures_from(items_of(given))
    sequences: list[Images] = []
    for alone, group in groupby(zip(inside, given, strict=True), lambda pair: pair[0] is None):
        if alone:
            sequences.append(pictures_from(items_of([item for _, item in group])))
        else:
            sequences += [one for one, _ in group if one is not None]
    return joined_pictures(sequences)


def joined_pictures(sequences: Sequence[Images]) -> Images:
    """The pictures of each sequence in turn; those that have no names of their own are counted over all."""
    if all(isinstance(part, FileImages) for part in sequences):
        return FileImages(tuple(path for part in sequences if isinstance(part, FileImages) for path in part.paths))
    counted: list[Images] = []
    start = 0
    for part in sequences:
        if isinstance(part, MixedImages) and part.origin == ORIGIN:
            counted.append(replace(part, start=part.start + start))
        elif isinstance(part, ArrayImages) and part.origin == ORIGIN:
            counted.append(replace(part, rows=part.rows + start))
        else:
            counted.append(part)
        start += len(part)
    return counted[0] if len(counted) == 1 else JoinedImages(tuple(counted))


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
            items += map(as_pillow, pixels_of(item, ORIGIN if len(given) == 1 else f"{ORIGIN}[{row}]"))
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
