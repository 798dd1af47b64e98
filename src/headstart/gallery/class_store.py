"""Class store: a gallery's classes on disk, one file a class; the folder itself is the list of classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from headstart.core.arrays import read_arrays, read_metadata, write_arrays
from headstart.core.durable import sync_folder
from headstart.core.parsing import json_from
from headstart.core.shapes import check_arrays, naming_damage
from headstart.core.types import Floats
from headstart.data.class_names import canonical
from headstart.features.feature_set import FeatureSet

R = TypeVar("R")

SUFFIX = ".safetensors"
ANEW = "Delete it and enroll its class again."


@dataclass(frozen=True)
class Enrolled:
    """One enrolled class.

    Attributes:
        name: Of the class.
        keys: SHA-256 of each image.
        files: The path of each image when it was enrolled.
        features: Of the images.
    """

    name: str
    keys: tuple[str, ...]
    files: tuple[str, ...]
    features: FeatureSet = field(repr=False)

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class ClassStore:
    """The folder of a gallery's classes.

    A class's file is named by its number in the order of enrolling and by a hash of its name. There is no other index, so that a
    kill leaves each class as it was before or after, and two commands at once do not undo each other.

    Attributes:
        folder: Of the files.
        stage_names: Of the features.
    """

    folder: Path
    stage_names: tuple[str, ...]

    def paths(self) -> list[Path]:
        """The class files in the order of enrolling; of a class that two commands enrolled at once, the first."""
        firsts: dict[str, Path] = {}
        for path in self._files():
            firsts.setdefault(_hash_in(path), path)
        return list(firsts.values())

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))

    def path_of(self, name: str) -> Path | None:
        """The file of that class; None where there is none."""
        return self._by_hash().get(_hash_of(name))

    def taken(self, names: Iterable[str]) -> tuple[str, int] | None:
        """The first of those names that is a class already, with its number of images; None where all are free."""
        known = {_hash_in(path): header for path, header in self._all(_header_of)}
        return next(((name, len(known[_hash_of(name)]["keys"])) for name in names if _hash_of(name) in known), None)

    def _by_hash(self) -> dict[str, Path]:
        return {_hash_in(path): path for path in self.paths()}

    def _all(self, read: Callable[[Path], R]) -> list[tuple[Path, R]]:
        """The class files with what is read of each; all are read again where another process has meanwhile deleted one."""
        while True:
            paths = self.paths()
            try:
                return [(path, read(path)) for path in paths]
            except _GoneError:
                continue

    def delete(self, name: str) -> None:
        """Delete every file of that class."""
        for path in self._files():
            if _hash_in(path) == _hash_of(name):
                path.unlink(missing_ok=True)
        sync_folder(self.folder)

    def read(self) -> list[Enrolled]:
        """Every class, in the order of enrolling; `DataError` if a file is damaged."""
        widths: dict[str, int] = {}
        return [enrolled for _, enrolled in self._all(lambda path: self._read(path, widths))]

    def sizes(self) -> dict[str, int]:
        """The number of images of every class, by name, in the order of enrolling; features are not read."""
        return {header["name"]: len(header["keys"]) for _, header in self._all(_header_of)}

    def owners(self) -> dict[str, str]:
        """The class of each enrolled image, by the image's SHA-256."""
        return {key: header["name"] for _, header in self._all(_header_of) for key in header["keys"]}

    def add(self, classes: Iterable[Enrolled]) -> None:
        """Write classes after all others, in their order."""
        paths = self._files()
        first = 1 + int(paths[-1].name.partition("-")[0]) if paths else 0
        for number, enrolled in enumerate(classes, first):
            header = {"name": enrolled.name, "keys": enrolled.keys, "files": enrolled.files}
            path = self.folder / f"{number:08d}-{_hash_of(enrolled.name)}{SUFFIX}"
            write_arrays(path, arrays_of(enrolled.features), {"class": json.dumps(header)})

    def _read(self, path: Path, widths: dict[str, int]) -> Enrolled:
        """The class in a file; `widths` are those of the features of other classes, which gain its own."""
        with _reading(path):
            header = _header_of(path)
            sizes = widths | {"image": len(header["keys"])}
            arrays = read_arrays(path)
            if widths and widths.keys() - {"image"} != arrays.keys():
                raise ValueError("its arrays are not those of the other classes")
            features = features_from(arrays, self.stage_names, sizes)
            widths |= sizes
            return Enrolled(str(header["name"]), tuple(header["keys"]), tuple(header["files"]), features)


def _hash_of(name: str) -> str:
    """The same for all spellings that count as one class name."""
    return hashlib.sha256(canonical(name).encode()).hexdigest()[:16]


def _hash_in(path: Path) -> str:
    """The hash that the name of a class file has."""
    return path.stem.partition("-")[2]


class _GoneError(Exception):
    """The file of a class was deleted after the folder was listed."""


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Inside, whatever reading the file of a class may raise is a `DamagedError`, or `_GoneError` where it is gone."""
    with naming_damage(path, ANEW):
        try:
            yield
        except FileNotFoundError:
            if path.is_symlink():  # to a file that is gone, and not a class that is forgotten
                raise
            raise _GoneError from None


def _header_of(path: Path) -> dict[str, Any]:
    with _reading(path):
        header = dict(json_from(read_metadata(path)["class"], str(path)))
        if _hash_of(str(header["name"])) != _hash_in(path):
            raise ValueError(f"it holds {header['name']}, and is named after another class")
        return {name: header[name] for name in ("name", "keys", "files")}


def arrays_of(features: FeatureSet) -> dict[str, Floats]:
    """The features as named arrays."""
    named = {f"stage.{place}": block for place, block in enumerate(features.stages)}
    named |= {f"spread.{place}": block for place, block in enumerate(features.stds)}
    if features.pixels is not None:
        named["pixels"] = features.pixels
    return {name: np.ascontiguousarray(block, np.float32) for name, block in named.items()}


def features_from(arrays: dict[str, Floats], stage_names: tuple[str, ...], sizes: dict[str, int] | None = None) -> FeatureSet:
    """The features of which `arrays_of` made these arrays.

    Args:
        arrays: They may have been read from a file.
        stage_names: Of the features.
        sizes: Of the axes "image" and of the features, by the name of the array, as far as they are known; gains the others.

    Returns:
        The features.

    Raises:
        ValueError: Arrays are missing, do not fit each other or the sizes, or are not finite.
    """
    sizes = {} if sizes is None else sizes
    names = (*(f"stage.{place}" for place in range(len(stage_names))), *arrays)
    sizes |= check_arrays(arrays, {name: f"image {name}" for name in names}, sizes)

    def blocks(word: str) -> tuple[Floats, ...]:
        names = (name for name in arrays if name.startswith(f"{word}."))
        return tuple(arrays[name] for name in sorted(names, key=lambda name: int(name.partition(".")[2])))

    return FeatureSet(blocks("stage"), arrays.get("pixels"), None, stage_names, blocks("spread"))


def joined(sets: list[FeatureSet]) -> FeatureSet:
    """The rows of all sets, in their order; at least one set."""
    arrays = [arrays_of(one) for one in sets]
    return features_from({name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]}, sets[0].stage_names)
