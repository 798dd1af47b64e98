"""One file per layout of data on disk; the folder is the registry."""

from pathlib import Path

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import DataError, did_you_mean
from headstart.data.built_in import built_in_names
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.readers.base import Reader

ARCHIVES = frozenset({".zip", ".7z", ".rar", ".gz", ".xz"})
"""Of archives only those of CIFAR and MNIST are read packed."""

READERS: Catalog[type[Reader]] = Catalog("headstart.data.readers", "reader", is_final_class(Reader), frozenset({"base"}))


def reader_for(place: str) -> Reader:
    """The reader of highest precedence that recognizes the path or built-in name; `DataError` where none does."""
    if not place.strip():
        raise DataError(f'"{place}" names no place. Give a folder, a file, or the name of a built-in set.')
    readers = sorted((kind() for kind in READERS.all().values()), key=lambda reader: -reader.precedence)
    for reader in readers:
        if reader.recognizes(place):
            return reader
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
    known = "; ".join(sorted(kind.summary.rstrip(".") for kind in READERS.all().values()))
    raise DataError(f"{place}: no known layout of images. Known: {known}.")
