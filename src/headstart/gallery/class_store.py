"""The classes of a gallery on disk: one file a class, written whole or not at all; the folder itself is the list."""

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
    """One class.

    Attributes:
        name: Of the class.
        keys: SHA-256 of each image.
        files: What each image was called.
        features: Of the images.
    """

    name: str
    keys: tuple[str, ...]
    files: tuple[str, ...]
    features: FeatureSet = field(repr=False)

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class Shelf:
    """The folder of a gallery's classes.

    A class file is named by the order of enrolling and by the class's name, so that nothing else has to be kept in step: a kill
    leaves each class as it was or as it was to be, and two commands at once do not undo each other.

    Attributes:
        folder: Where the files lie.
        stage_names: Of the features.
    """

    folder: Path
    stage_names: tuple[str, ...]

    def paths(self) -> list[Path]:
        """The class files in the order of enrolling."""
        return sorted(path for path in self.folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))

    def path_of(self, name: str) -> Path | None:
        """The file of that class; None where there is none."""
        return self._by_mark().get(_mark(name))

    def taken(self, names: Iterable[str]) -> str | None:
        """The first of those names that is a class already; None where all are free."""
        known = self._by_mark()
        return next((name for name in names if _mark(name) in known), None)

    def num_images(self, name: str) -> int:
        """With how many images a class was enrolled that is there."""
        return len(_card_of(self._by_mark()[_mark(name)])["keys"])

    def _by_mark(self) -> dict[str, Path]:
        return {path.stem.partition("-")[2]: path for path in self.paths()}

    def read(self) -> list[Enrolled]:
        """Every class, in the order of enrolling.

        Returns:
            The classes.

        Raises:
            DataError: A file is damaged.
        """
        return [self._read(path) for path in self.paths()]

    def listed(self) -> list[tuple[str, int]]:
        """Name and number of images of every class, without their features."""
        return [(card["name"], len(card["keys"])) for card in map(_card_of, self.paths())]

    def owners(self) -> dict[str, str]:
        """The class of each enrolled image, by the image's SHA-256."""
        return {key: card["name"] for card in map(_card_of, self.paths()) for key in card["keys"]}

    def add(self, classes: Iterable[Enrolled]) -> None:
        """Write classes behind all others, in their order."""
        paths = self.paths()
        first = 1 + int(paths[-1].name.partition("-")[0]) if paths else 0
        for number, enrolled in enumerate(classes, first):
            card = {"name": enrolled.name, "keys": enrolled.keys, "files": enrolled.files}
            content = save(arrays_of(enrolled.features), {"class": json.dumps(card)})
            write_atomically(self.folder / f"{number:08d}-{_mark(enrolled.name)}{SUFFIX}", content)

    def remove(self, path: Path) -> None:
        """Delete a class's file."""
        path.unlink()

    def _read(self, path: Path) -> Enrolled:
        card = _card_of(path)
        with safe_open(path, framework="np") as stored:
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  it is no mapping
        features = features_from(arrays, self.stage_names)
        return Enrolled(card["name"], tuple(card["keys"]), tuple(card["files"]), features)


def _mark(name: str) -> str:
    """The same for all ways to type a name."""
    return hashlib.sha256(canonical(name).encode()).hexdigest()[:16]


def _card_of(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="np") as stored:
            return dict(json.loads(stored.metadata()["class"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}). Delete it and enroll its class again.") from None


def arrays_of(features: FeatureSet) -> dict[str, Floats]:
    """The features as named arrays."""
    named = {f"stage.{place}": block for place, block in enumerate(features.stages)}
    named |= {f"spread.{place}": block for place, block in enumerate(features.spreads)}
    if features.pixels is not None:
        named["pixels"] = features.pixels
    return {name: np.ascontiguousarray(block, np.float32) for name, block in named.items()}


def features_from(arrays: dict[str, Floats], stage_names: tuple[str, ...]) -> FeatureSet:
    """What `arrays_of` took apart."""

    def blocks(word: str) -> tuple[Floats, ...]:
        names = (name for name in arrays if name.startswith(f"{word}."))
        return tuple(arrays[name] for name in sorted(names, key=lambda name: int(name.partition(".")[2])))

    return FeatureSet(blocks("stage"), arrays.get("pixels"), None, stage_names, blocks("spread"))


def joined(parts: list[FeatureSet]) -> FeatureSet:
    """The rows of all parts, one behind the other; at least one part."""
    arrays = [arrays_of(part) for part in parts]
    return features_from({name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}, parts[0].stage_names)
