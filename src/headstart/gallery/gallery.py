"""Gallery: a folder of classes from a few images each, made with one backbone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError, did_you_mean
from headstart.core.types import UNLABELED
from headstart.data.images import FileImages, ImageSet
from headstart.data.scan import Scan, scan
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.gallery.class_store import Enrolled, Shelf, joined
from headstart.gallery.matching import match
from headstart.gallery.state import Ground, backbone_of, ground_of, ground_on, written

MOST_NAMED = 5
"""Classes whose probabilities a prediction names."""


@dataclass(frozen=True)
class Gallery:
    """Classes from a few images each, enrolled and forgotten without training.

    Predictions depend on the features of the enrolled images alone, which are kept in the folder; nothing is fitted ahead. A
    class that is forgotten is as if it had never been there.

    Attributes:
        folder: Where it lies.
        ground: What it stands on: the card, background images, and the meta-learned embedding if there is one.
    """

    folder: Path
    ground: Ground

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The gallery in a folder.

        Args:
            folder: Where it lies.

        Returns:
            The gallery.

        Raises:
            DataError: The folder holds none.
        """
        return cls(Path(folder), ground_of(Path(folder)))

    @classmethod
    def create(
        cls,
        folder: str | Path,
        pretrained: str | None = None,
        like: Sequence[str | Path] = (),
        source: str | None = None,
        method: str | None = None,
        seed: int = 0,
    ) -> Self:
        """A new, empty gallery.

        Args:
            folder: Where; it must hold no gallery.
            pretrained: Name of the backbone; the smallest packaged one by default.
            like: Image files of the kind to come: their size decides the side of its input.
            source: A set of many other classes to meta-train on, where that is found to pay; None for plain features.
            method: The meta-learner to take in any case, instead of finding out.
            seed: Of meta-training.

        Returns:
            The gallery.

        Raises:
            DataError: There is a gallery already, or the source cannot be used.
            PlanError: A meta-learner is named without a source.
            PretrainedError: The backbone cannot be had.
            ExportError: The folder cannot be made or written.
        """
        place = Path(folder)
        ground = ground_on(place, pretrained, FileImages(tuple(Path(file) for file in like)), source, method, seed)
        written(ground, place)
        return cls(place, ground)

    @cached_property
    def backbone(self) -> Backbone:
        """What looks at images; `PretrainedError` where it is gone or has changed."""
        return backbone_of(self.ground, self.folder)

    @property
    def shelf(self) -> Shelf:
        """Its classes on disk."""
        return Shelf(self.folder / "classes", self.ground.card.stage_names)

    def classes(self) -> dict[str, int]:
        """How many images each class was enrolled with, in the order of enrolling."""
        return dict(self.shelf.listed())

    def enroll(self, images: Mapping[str, Sequence[str | Path]]) -> list[dict[str, str]]:
        """Add classes; all of them or, where something is wrong with one, none.

        Features of all images are computed together. An image given twice for a class counts once.

        Args:
            images: Image files by class name; one a class suffices.

        Returns:
            `{"path", "error"}` of each file that could not be read and was left out.

        Raises:
            DataError: A class has no name, no image that can be read or is enrolled already, or an image stands in two classes.
            PretrainedError: The backbone is gone or has changed.
        """
        shelf = self.shelf
        self._check_free(images, shelf)
        names, files, looked = looked_at(images)
        rows = self._rows_to_enroll(names, files, looked, shelf)
        features = self._features(files, [row for own in rows.values() for row in own])
        ends = np.cumsum([len(own) for own in rows.values()])
        shelf.add(
            Enrolled(
                name,
                tuple(looked.sha[row] for row in own),
                tuple(files.name(row) for row in own),
                features.take(np.arange(end - len(own), end)),
            )
            for (name, own), end in zip(rows.items(), ends.tolist(), strict=True)
        )
        return [{"path": files.name(row), "error": problem} for row, problem in enumerate(looked.problems) if problem]

    def forget(self, name: str) -> None:
        """Remove a class; predictions are then what they were before it came.

        Args:
            name: Of the class.

        Raises:
            DataError: There is no such class.
        """
        path = self.shelf.path_of(name)
        if path is None:
            known = list(self.classes())
            listed = f" It holds {', '.join(known[:10])}{', ...' * (len(known) > 10)}." if known else " It is empty."
            raise DataError(f'{self.folder} holds no class "{name}".{did_you_mean(name, known)}{listed}')
        self.shelf.remove(path)

    def predict(self, paths: Sequence[str | Path]) -> list[dict[str, Any]]:
        """One row a file.

        Args:
            paths: Image files.

        Returns:
            `{"path", "label", "nearest", "similarity", "threshold", "probability", "probs"}`, or `{"path", "error"}`. `label` is
            None where the image is like no class; `nearest` and its probability are given all the same. `probs` names the five
            likeliest classes.

        Raises:
            DataError: The gallery is empty.
            PretrainedError: The backbone is gone or has changed.
        """
        enrolled = self.shelf.read()
        if not enrolled:
            raise DataError(f"{self.folder} holds no class. Enroll one: `headstart fewshot enroll {self.folder} NAME IMAGE...`.")
        files = FileImages(tuple(Path(path) for path in paths))
        problems = scan(files).problems
        rows: list[dict[str, Any]] = [{"path": str(path), "error": fault} for path, fault in zip(paths, problems, strict=True)]
        readable = [row for row, problem in enumerate(problems) if not problem]
        if readable:
            found = self._matched(self._features(files, readable), enrolled)
            for row, match_of in zip(readable, found, strict=True):
                rows[row] = {"path": str(paths[row]), **match_of}
        return rows

    def _matched(self, features: FeatureSet, enrolled: list[Enrolled]) -> list[dict[str, Any]]:
        names = [each.name for each in enrolled]
        labels = np.repeat(np.arange(len(names)), [len(each) for each in enrolled])
        known = joined([each.features for each in enrolled])
        found = match(features, known, labels, self.ground.background, self.ground.embedding, self.ground.relatives)
        return [
            _row(names, probs, float(similarity.max()), float(threshold))
            for probs, similarity, threshold in zip(found.probs, found.similarity, found.threshold, strict=True)
        ]

    def _features(self, files: FileImages, rows: list[int]) -> FeatureSet:
        images = files.take(np.array(rows, np.int64))
        nothing = np.full(len(rows), UNLABELED, np.int64)
        return features_of(ImageSet(images, (), nothing, np.arange(len(rows))), self.backbone)

    def _check_free(self, images: Mapping[str, Sequence[str | Path]], shelf: Shelf) -> None:
        there = shelf.taken(images)
        if there is not None:
            count = shelf.num_images(there)
            raise DataError(
                f'"{there}" is enrolled in {self.folder} already, with {count} image{"s" * (count != 1)}. '
                f"Forget it first (`headstart fewshot forget {shlex.quote(str(self.folder))} {shlex.quote(there)}`), or choose "
                "another name."
            )

    def _rows_to_enroll(self, names: list[str], files: FileImages, looked: Scan, shelf: Shelf) -> dict[str, list[int]]:
        """The readable, distinct rows of each class."""
        owners = shelf.owners()
        rows: dict[str, list[int]] = {name: [] for name in names}
        taken: dict[str, str] = {}
        for row, (name, key) in enumerate(zip(names, looked.sha, strict=True)):
            if looked.problems[row]:
                continue
            owner = taken.get(key, owners.get(key, name))
            if owner != name:
                raise DataError(
                    f'{files.name(row)} is to be enrolled as "{name}" and is an image of "{owner}" already. '
                    "Leave it out of one of them."
                )
            if key not in taken:
                rows[name].append(row)
            taken[key] = name
        return rows


def looked_at(images: Mapping[str, Sequence[str | Path]]) -> tuple[list[str], FileImages, Scan]:
    """The class, the file and the scan of each image that is to be enrolled; nothing is computed of it yet.

    Args:
        images: Image files by class name.

    Returns:
        One row an image.

    Raises:
        DataError: A class has no name, or no image that can be read.
    """
    for name, given in images.items():
        if not name.strip():
            raise DataError(f'The class name "{name}" is empty. Give the class a name.')
        if not given:
            raise DataError(f'No image was given for "{name}", and a class needs at least 1. Name its image files.')
    names = [name for name, given in images.items() for _ in given]
    files = FileImages(tuple(Path(file) for given in images.values() for file in given))
    looked = scan(files)
    readable = {name for name, problem in zip(names, looked.problems, strict=True) if not problem}
    for name, problem in zip(names, looked.problems, strict=True):
        if name not in readable:
            raise DataError(f'No image of "{name}" can be read: {problem}')
    return names, files, looked


def _row(names: list[str], probs: Any, similarity: float, threshold: float) -> dict[str, Any]:
    order = np.argsort(-probs, kind="stable")[:MOST_NAMED]
    nearest = names[order[0]]
    return {
        "label": nearest if similarity >= threshold else None,
        "nearest": nearest,
        "similarity": similarity,
        "threshold": threshold,
        "probability": float(probs[order[0]]),
        "probs": {names[place]: float(probs[place]) for place in order},
    }
