"""Class store: a gallery's classes on disk, one file a class; the folder itself is the list of classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from headstart.core.errors import DataError
from headstart.core.records import write_atomically
from headstart.core.types import Floats
from headstart.data.class_names import canonical
from headstart.features.feature_set import FeatureSet

SUFFIX = ".safetensors"


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
        """The class files in the order of enrolling."""
        return sorted(path for path in self.folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))

    def path_of(self, name: str) -> Path | None:
        """The file of that class; None where there is none."""
        return self._by_hash().get(_hash_of(name))

    def taken(self, names: Iterable[str]) -> tuple[str, int] | None:
        """The first of those names that is a class already, with its number of images; None where all are free."""
        known = self._by_hash()
        return next(((name, len(_header_of(known[_hash_of(name)])["keys"])) for name in names if _hash_of(name) in known), None)

    def _by_hash(self) -> dict[str, Path]:
        return {path.stem.partition("-")[2]: path for path in self.paths()}

    def read(self) -> list[Enrolled]:
        """Every class, in the order of enrolling; `DataError` if a file is damaged."""
        return [self._read(path) for path in self.paths()]

    def sizes(self) -> dict[str, int]:
        """The number of images of every class, by name, in the order of enrolling; features are not read."""
        return {header["name"]: len(header["keys"]) for header in map(_header_of, self.paths())}

    def owners(self) -> dict[str, str]:
        """The class of each enrolled image, by the image's SHA-256."""
        return {key: header["name"] for header in map(_header_of, self.paths()) for key in header["keys"]}

    def add(self, classes: Iterable[Enrolled]) -> None:
        """Write classes after all others, in their order."""
        paths = self.paths()
        first = 1 + int(paths[-1].name.partition("-")[0]) if paths else 0
        for number, enrolled in enumerate(classes, first):
            header = {"name": enrolled.name, "keys": enrolled.keys, "files": enrolled.files}
            content = save(arrays_of(enrolled.features), {"class": json.dumps(header)})
            write_atomically(self.folder / f"{number:08d}-{_hash_of(enrolled.name)}{SUFFIX}", content)

    def _read(self, path: Path) -> Enrolled:
        header = _header_of(path)
        with safe_open(path, framework="np") as stored:
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  it is no mapping
        features = features_from(arrays, self.stage_names)
        return Enrolled(header["name"], tuple(header["keys"]), tuple(header["files"]), features)


def _hash_of(name: str) -> str:
    """The same for all spellings that count as one class name."""
    return hashlib.sha256(canonical(name).encode()).hexdigest()[:16]


def _header_of(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="np") as stored:
            return dict(json.loads(stored.metadata()["class"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}). Delete it and enroll its class again.") from None


def arrays_of(features: FeatureSet) -> dict[str, Floats]:
    """The features as named arrays."""
    named = {f"stage.{place}": block for place, block in enumerate(features.stages)}
    named |= {f"spread.{place}": block for place, block in enumerate(features.stds)}
    if features.pixels is not None:
        named["pixels"] = features.pixels
    return {name: np.ascontiguousarray(block, np.float32) for name, block in named.items()}


def features_from(arrays: dict[str, Floats], stage_names: tuple[str, ...]) -> FeatureSet:
    """The features of which `arrays_of` made these arrays."""

    def blocks(word: str) -> tuple[Floats, ...]:
        names = (name for name in arrays if name.startswith(f"{word}."))
        return tuple(arrays[name] for name in sorted(names, key=lambda name: int(name.partition(".")[2])))

    return FeatureSet(blocks("stage"), arrays.get("pixels"), None, stage_names, blocks("spread"))


def joined(sets: list[FeatureSet]) -> FeatureSet:
    """The rows of all sets, in their order; at least one set."""
    arrays = [arrays_of(one) for one in sets]
    return features_from({name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]}, sets[0].stage_names)
