"""Reasons: where in a picture a model looked, and which training pictures are most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.core.rows import unit_rows
from headstart.core.types import UNLABELED, Floats
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.report.pictures import picture_of
from headstart.runs.evaluated_sets import learned_rows
from headstart.runs.origin import task_of
from headstart.runs.predicting import answers_of
from headstart.serving.pictures import DecodedImages, DecodedPicture
from headstart.serving.versions import GRAY, Version

CELLS = 7
"""Cells of a side: 49 covered pictures take about as long as one batch of a busy server. Chosen, not measured."""
COVERED = 2
"""Cells of a side that are covered together, so that neighbors overlap."""
NUM_NEAREST = 5
MOST_EXAMPLES = 600
"""Training pictures that are compared, evenly spaced. Bounds time and memory. Chosen, not measured."""


@dataclass(frozen=True)
class Examples:
    """Training pictures of a run, ready to be compared with others.

    Attributes:
        images: The pictures, with labels.
        representation: Features to rows, centered on training pictures.
        rows: Unit rows, float32 [picture, feature].
    """

    images: ImageSet = field(repr=False)
    representation: Representation = field(repr=False)
    rows: Floats = field(repr=False)


def examples_of(version: Version) -> Examples | None:
    """The training pictures of a version; None where its data are gone or have changed."""
    task = task_of(version.run)
    if task is None:
        return None
    images = learned_rows(task, version.run).spaced(MOST_EXAMPLES)
    features = features_of(images, version.model.backbone)
    representation = Representation.fitted(features, "stages")
    return Examples(images, representation, unit_rows(representation.matrix(features)))


@dataclass(frozen=True, eq=False)
class Explaining:
    """Why a version says what it says about one picture.

    Attributes:
        version: The model.
        examples: Training pictures; None where they are not shown.
    """

    version: Version
    examples: Examples | None

    def __call__(self, pictures: Sequence[DecodedPicture]) -> list[dict[str, Any]]:
        """One row: the label, how much its probability falls where the picture is covered, and the nearest examples.

        Reference: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 (occlusion).
        """
        (picture,) = pictures
        covered = [_covered(picture, row, column) for row in range(CELLS) for column in range(CELLS)]
        whole, *others = answers_of(self.version.model, DecodedImages((picture, *covered)))
        label = whole["label"]
        drops = np.array([whole["probability"] - other["probs"][label] for other in others]).reshape(CELLS, CELLS)
        nearest = None if self.examples is None else self._nearest(picture, self.examples)
        return [{"label": label, "probability": whole["probability"], "drops": drops.round(4).tolist(), "nearest": nearest}]

    def _nearest(self, picture: DecodedPicture, examples: Examples) -> list[dict[str, Any]]:
        shown = ImageSet(DecodedImages((picture,)), (), np.array([UNLABELED]), np.array([0]))
        row = unit_rows(examples.representation.matrix(features_of(shown, self.version.model.backbone)))
        similarity = (examples.rows @ row.T)[:, 0]
        found = []
        for place in np.argsort(-similarity, kind="stable")[:NUM_NEAREST]:
            uri, tiny = picture_of(examples.images.images, int(place))
            label = examples.images.classes[int(examples.images.labels[place])]
            found.append({"label": label, "similarity": round(float(similarity[place]), 4), "picture": uri, "tiny": tiny})
        return found


def _covered(picture: DecodedPicture, row: int, column: int) -> DecodedPicture:
    """The picture with gray over a cell and its neighbors, at each of its sizes."""
    squares = {}
    for side, square in picture.squares.items():
        changed = square.copy()
        changed[_span(row, side), _span(column, side)] = GRAY
        squares[side] = changed
    return DecodedPicture(picture.name, f"{picture.key} {row} {column}", squares)


def _span(cell: int, side: int) -> slice:
    """The pixels of a cell, and of half a cell around it."""
    beyond = (COVERED - 1) / 2
    return slice(max(0, round((cell - beyond) * side / CELLS)), round((cell + 1 + beyond) * side / CELLS))
