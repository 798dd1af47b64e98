"""Pictures for another process: small when pickled, and read there from the same files or stores."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headstart.core.errors import DataError
from headstart.core.folders import cache_folder
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Integers
from headstart.data.addresses import is_copy
from headstart.data.decoding import IMAGE_SUFFIXES
from headstart.data.images import Images

MOST_CHECKED = 64
"""Files of a set that every machine is asked for before anything is sent; each work then checks its own. Chosen, not measured."""


@dataclass(frozen=True)
class SentImages:
    """Some pictures of a set, as they travel to another process: paths as whole paths.

    Attributes:
        images: The pictures.
    """

    images: Images

    @classmethod
    def of(cls, images: Images, rows: Integers) -> SentImages:
        """Those rows, int64."""
        excerpt = images.excerpt(rows)
        return cls(excerpt.with_files({path: path.absolute() for path in excerpt.file_paths()}))

    def here(self) -> Images:
        """The pictures, to be read in this process; `DataError` where it does not see their files.

        Those of stores are fetched, many at a time; the shards that hold others are fetched when they are read.
        """
        paths = self.images.file_paths()
        _check_seen(unseen_files(path for path in paths if not is_copy(path)), socket.gethostname())
        fetched = {path: 0 for path in paths if is_copy(path) and path.suffix.lower() in IMAGE_SUFFIXES}
        if fetched:
            from headstart.data.stores import fetch_absent  # noqa: PLC0415  only pictures of stores need it

            fetch_absent(fetched)
        return self.images


def unseen_files(paths: Iterable[Path]) -> list[Path]:
    """Those of the files that this process does not see."""
    return [path for path in paths if not path.is_file()]


def files_to_check(images: Images) -> list[Path]:
    """Some files of the set, evenly spaced, that machines must see to read it; none of what is sent or fetched."""
    if not len(images):
        return []
    rows = evenly_spaced(len(images), MOST_CHECKED)
    cached = cache_folder().absolute()
    paths = (path.absolute() for path in images.excerpt(rows).file_paths())
    return [path for path in paths if not path.is_relative_to(cached)]


def check_seen(unseen: dict[str, list[Path]]) -> None:
    """A `DataError` where a machine, by its name, does not see some files."""
    for machine, paths in unseen.items():
        _check_seen(paths, machine)


def _check_seen(unseen: list[Path], machine: str) -> None:
    if unseen:
        raise DataError(
            f"{unseen[0]}: the machine {machine} does not see this file. Put the data on a disk that all machines of the cluster "
            "share, under the same path, or in a store, and give its address, such as s3://bucket/folder."
        )
