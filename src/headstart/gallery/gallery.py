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
from headstart.backbones.pretrained import Name, name_of
from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import DataError, did_you_mean
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import UNLABELED
from headstart.core.unfinished import sweep
from headstart.data.given_images import AnyImages, GivenImages, ImagesByClass, given_images, joined_pictures, pictures_of
from headstart.data.images import FileImages, Images, ImageSet
from headstart.data.scan import Scan, scan
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.gallery.class_store import ClassStore, Enrolled, joined
from headstart.gallery.matching import match
from headstart.gallery.state import GalleryState, backbone_of, new_state, read_state, write_state

MOST_NAMED = 5
"""Number of classes whose probabilities a prediction names."""


@dataclass(frozen=True)
class Gallery:
    """Classes from a few images each, enrolled and forgotten without training.

    Predictions depend on the features of the enrolled images alone, which are kept in the folder; nothing is fitted in advance.
    After a class is forgotten, predictions are what they were before it was enrolled.

    Attributes:
        folder: Where it lies.
        state: What enrolling does not change: the card, background images, and the meta-learned embedding if there is one.
    """

    folder: Path
    state: GalleryState

    @classmethod
    @checked
    def open(cls, folder: AnyPath) -> Self:
        """The gallery in a folder; `DataError` where the folder holds none, or a damaged one."""
        return cls(Path(folder), read_state(Path(folder)))

    @classmethod
    @checked
    def create(
        cls,
        folder: AnyPath,
        pretrained: Name | None = None,
        like: AnyImages = (),
        source: str | Path | None = None,
        method: str | None = None,
        seed: int = 0,
    ) -> Self:
        """A new, empty gallery.

        Args:
            folder: Where; it must hold no gallery.
            pretrained: The backbone; the smallest packaged one by default.
            like: Images of the expected kind: their size decides the side of the backbone's input.
            source: A set of many other classes to meta-train on, where that is found to pay; None for plain features.
            method: The meta-learner to take without comparing.
            seed: Of meta-training.

        Returns:
            The gallery.

        Raises:
            DataError: There is a gallery already, or the source cannot be used.
            PlanError: A meta-learner is named without a source.
            PretrainedError: The backbone cannot be loaded.
            ExportError: The folder cannot be made or written.
        """
        place = Path(folder)
        given = given_images(like)
        expected = pictures_of(given) if given else FileImages(())
        name, meta_source = name_of(pretrained) if pretrained else None, str(source) if source else None
        state = new_state(place, name, expected, meta_source, method, seed)
        write_state(state, place)
        return cls(place, state)

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone that it was made with; `PretrainedError` where that is gone or has changed."""
        return backbone_of(self.state, self.folder)

    @property
    def class_store(self) -> ClassStore:
        """Its classes on disk."""
        return ClassStore(self.folder / "classes", self.state.card.stage_names)

    def classes(self) -> dict[str, int]:
        """How many images each class was enrolled with, in the order of enrolling."""
        return self.class_store.sizes()

    @checked
    def enroll(self, images: ImagesByClass) -> list[dict[str, str]]:
        """Add classes; all of them or, where something is wrong with one, none.

        Features of all images are computed together. An image given twice for a class counts once.

        Args:
            images: Images by class name, each as for `headstart.predict`; one image is enough.

        Returns:
            `{"path", "error"}` of each file that could not be read and was left out.

        Raises:
            DataError: A class has no name, no image that can be read or is enrolled already, or an image is in two classes.
            PretrainedError: The backbone is gone or has changed.
        """
        store = self.class_store
        sweep(self.folder)
        sweep(store.folder)
        self._check_free(images, store)
        names, files, scanned = scan_by_class(images)
        rows = self._rows_to_enroll(names, files, scanned, store)
        features = self._features(files, [row for own in rows.values() for row in own])
        ends = np.cumsum([len(own) for own in rows.values()])
        store.add(
            Enrolled(
                name,
                tuple(scanned.sha[row] for row in own),
                tuple(files.name(row) for row in own),
                features.take(np.arange(end - len(own), end)),
            )
            for (name, own), end in zip(rows.items(), ends.tolist(), strict=True)
        )
        return [{"path": files.name(row), "error": problem} for row, problem in enumerate(scanned.problems) if problem]

    def forget(self, name: str) -> None:
        """Remove a class; predictions are then what they were before it was enrolled. `DataError` if there is no such class."""
        if self.class_store.path_of(name) is None:
            known = list(self.classes())
            listed = f" It holds {', '.join(known[:10])}{', ...' * (len(known) > 10)}." if known else " It is empty."
            raise DataError(f'{self.folder} holds no class "{name}".{did_you_mean(name, known)}{listed}')
        self.class_store.delete(name)

    @checked
    def predict(self, images: AnyImages, refuse: bool = False) -> PredictionRows:
        """One row an image.

        Args:
            images: As for `headstart.predict`.
            refuse: Whether images that are flagged as unknown get no label.

        Returns:
            `{"path", "label", "probability", "probs", "unknown": {"similarity", "threshold", "flag"}}`, or `{"path", "error"}`.
            `label` is the most probable class, and `probs` names the five likeliest ones. `flag` is true where the largest
            similarity to a class is below the threshold. With `refuse` the label of such images is None, and `best_guess` names
            the most probable class of every image.

        Raises:
            DataError: The gallery is empty.
            PretrainedError: The backbone is gone or has changed.
        """
        enrolled = self.class_store.read()
        if not enrolled:
            raise DataError(f"{self.folder} holds no class. Enroll one: `headstart fewshot enroll {self.folder} NAME IMAGE...`.")
        pictures = pictures_of(given_images(images))
        problems = scan(pictures).problems
        rows: list[dict[str, Any]] = [{"path": pictures.name(row), "error": fault} for row, fault in enumerate(problems)]
        readable = [row for row, problem in enumerate(problems) if not problem]
        if readable:
            found = self.answers_of(pictures.take(np.array(readable, np.int64)), refuse, enrolled)
            for row, values in zip(readable, found, strict=True):
                rows[row] = {"path": pictures.name(row), **values}
        return PredictionRows(rows, pictures)

    def answers_of(self, pictures: Images, refuse: bool, enrolled: list[Enrolled]) -> list[dict[str, Any]]:
        """The row of each picture, of which all can be read, but for its path; `enrolled` are the classes, at least one."""
        features = self._features(pictures, list(range(len(pictures))))
        names = [each.name for each in enrolled]
        labels = np.repeat(np.arange(len(names)), [len(each) for each in enrolled])
        known = joined([each.features for each in enrolled])
        found = match(features, known, labels, self.state.background, self.state.embedding, self.state.within_class)
        return [
            _row(names, probs, float(similarity.max()), float(threshold), refuse)
            for probs, similarity, threshold in zip(found.probs, found.similarity, found.threshold, strict=True)
        ]

    def _features(self, pictures: Images, rows: list[int]) -> FeatureSet:
        images = pictures.take(np.array(rows, np.int64))
        unlabeled = np.full(len(rows), UNLABELED, np.int64)
        return features_of(ImageSet(images, (), unlabeled, np.arange(len(rows))), self.backbone)

    def _check_free(self, images: Mapping[str, Any], store: ClassStore) -> None:
        taken = store.taken(images)
        if taken is not None:
            name, count = taken
            raise DataError(
                f'"{name}" is enrolled in {self.folder} already, with {count} image{"s" * (count != 1)}. '
                f"Forget it first (`headstart fewshot forget {shlex.quote(str(self.folder))} {shlex.quote(name)}`), or choose "
                "another name."
            )

    def _rows_to_enroll(self, names: list[str], files: Images, scanned: Scan, store: ClassStore) -> dict[str, list[int]]:
        """The readable, distinct rows of each class."""
        owners = store.owners()
        rows: dict[str, list[int]] = {name: [] for name in names}
        taken: dict[str, str] = {}
        for row, (name, key) in enumerate(zip(names, scanned.sha, strict=True)):
            if scanned.problems[row]:
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


def scan_by_class(images: Mapping[str, GivenImages]) -> tuple[list[str], Images, Scan]:
    """The class, the picture and the scan of each image, given images by class name.

    `DataError` if a class has no name, or no image that can be read.
    """
    for name, given in images.items():
        if not name.strip():
            raise DataError(f'The class name "{name}" is empty. Give the class a name.')
        if isinstance(given, Sequence) and not given:
            raise DataError(f'No image was given for "{name}", and a class needs at least 1. Name its image files.')
    given_of = {name: pictures_of(given_images(given)) for name, given in images.items()}
    names = [name for name, own in given_of.items() for _ in range(len(own))]
    pictures = joined_pictures(list(given_of.values())) if given_of else FileImages(())
    scanned = scan(pictures)
    readable = {name for name, problem in zip(names, scanned.problems, strict=True) if not problem}
    for name, problem in zip(names, scanned.problems, strict=True):
        if name not in readable:
            raise DataError(f'No image of "{name}" can be read: {problem}')
    return names, pictures, scanned


def _row(names: list[str], probs: Any, similarity: float, threshold: float, refuse: bool) -> dict[str, Any]:
    order = np.argsort(-probs, kind="stable")[:MOST_NAMED]
    best, flag = names[order[0]], similarity < threshold
    return {
        "label": None if refuse and flag else best,
        **({"best_guess": best} if refuse else {}),
        "probability": float(probs[order[0]]),
        "probs": {names[place]: float(probs[place]) for place in order},
        "unknown": {"similarity": similarity, "threshold": threshold, "flag": flag},
    }
