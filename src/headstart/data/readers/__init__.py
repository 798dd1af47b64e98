"""One file per layout of data on disk; the folder is the registry."""

from pathlib import Path
from typing import Any

from headstart.core.arguments import with_article
from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import DataError, did_you_mean
from headstart.data.built_in import built_in_names
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import Images
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers.base import Reader

ARCHIVES = frozenset({".zip", ".7z", ".rar", ".gz", ".xz"})
"""Of archives only those of CIFAR and MNIST are read packed."""

READERS: Catalog[type[Reader]] = Catalog("headstart.data.readers", "reader", is_final_class(Reader), frozenset({"base"}))


def reader_for(place: Any) -> Reader:
    """The reader of highest precedence that recognizes the path, built-in name or object; `DataError` where none does."""
    if isinstance(place, str) and not place.strip():
        raise DataError(f'"{place}" names no place. Give a folder, a file, or the name of a built-in set.')
    reader = _recognizing(place)
    if reader is not None:
        return reader
    if not isinstance(place, str):
        kind = with_article(type(place).__name__)
        raise DataError(f"{kind[0].upper()}{kind[1:]} is no data. Give a path, a frame, or a Dataset.")
    path = Path(place)
    if not path.exists():
        state = "is a link to something that is gone" if path.is_symlink() else "does not exist"
        names = built_in_names()
        raise DataError(
            f'"{place}" {state}, and no built-in set has that name.{did_you_mean(place, names)} '
            f"Give a folder, a file, or one of: {', '.join(sorted(names))}."
        )
    if path.suffix.lower() in ARCHIVES:
        raise DataError(f"{place}: is an archive. Unpack it and give the folder.")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise DataError(f"{place}: is one picture. Give the folder that holds one folder of pictures for each class.")
    known = "; ".join(sorted(kind.summary.rstrip(".") for kind in READERS.all().values() if not kind.of_objects))
    raise DataError(f"{place}: no known layout of images. Known: {known}.")


def read_numbers(place: Any, column: str) -> RawDataset:
    """The rows of a place with the numbers of that column in place of labels; `DataError` where the place has no columns."""
    reader = reader_for(place)
    if not reader.reads_columns:
        raise DataError(
            f'{place if isinstance(place, str) else type(place).__name__}: has no columns, and the numbers of "{column}" are to '
            "be predicted. Give a manifest, a frame or a file of feature vectors."
        )
    reader.numbers = column
    return reader.read(place)


def is_object(value: Any) -> bool:
    """Whether a value is data in memory that a reader reads, such as a frame."""
    return not isinstance(value, str) and _recognizing(value) is not None


def _recognizing(place: Any) -> Reader | None:
    kinds = (kind for kind in READERS.all().values() if kind.of_objects is not isinstance(place, str))
    for kind in sorted(kinds, key=lambda kind: -kind.precedence):
        reader = kind()
        if reader.recognizes(place):
            reader.resolve = reader_for
            return reader
    return None


def pictures_inside(place: str) -> Images | None:
    """The pictures inside of a larger file, or of those in a folder, labeled or not; None where a place has none such."""
    kinds = (kind for kind in READERS.all().values() if kind.of_containers)
    return next((reader.pictures(place) for kind in kinds if (reader := kind()).recognizes(place)), None)
