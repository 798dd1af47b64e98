"""Reasons: where in a picture a model looked, and which training pictures speak for its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.attribution.class_scores import maskable, probs_of
from headstart.attribution.maps.rise import RISE
from headstart.attribution.training_images import TrainingRows, training_rows
from headstart.report.pictures import picture_of
from headstart.runs.evaluated_sets import learned_rows
from headstart.runs.origin import task_of
from headstart.serving.pictures import DecodedImages, DecodedPicture
from headstart.serving.versions import Version

NUM_NEAREST = 5
MOST_EXAMPLES = 600
"""Training pictures that are compared, evenly spaced. Bounds time and memory. Chosen, not measured."""


def examples_of(version: Version) -> TrainingRows | None:
    """The training pictures of a version, ready to be compared with others; None where its data are gone or have changed."""
    task = task_of(version.run)
    return None if task is None else training_rows(version.model, learned_rows(task, version.run).spaced(MOST_EXAMPLES))


@dataclass(frozen=True, eq=False)
class Explaining:
    """Why a version says what it says about one picture.

    Attributes:
        version: The model.
        examples: Training pictures; None where they are not shown.
    """

    version: Version
    examples: TrainingRows | None

    def __call__(self, pictures: Sequence[DecodedPicture]) -> list[dict[str, Any]]:
        """One row: the label, how much its probability falls where the picture is covered, and the nearest examples."""
        images, model = DecodedImages(tuple(pictures)), self.version.model
        whole = maskable(model, images)
        probs = probs_of(model, whole)[0]
        label = int(probs.argmax())
        (drops,) = RISE().maps(model, whole, np.array([label]))
        nearest = None if self.examples is None else self._nearest(images, label, self.examples)
        answer = {"label": model.classes[label], "probability": float(probs[label])}
        return [{**answer, "drops": drops.round(4).tolist(), "nearest": nearest}]

    @staticmethod
    def _nearest(images: DecodedImages, label: int, examples: TrainingRows) -> list[dict[str, Any]]:
        ((rows, near),) = examples.nearest(images, np.array([label]), NUM_NEAREST)
        found = []
        for row, one in zip(rows, near, strict=True):
            uri, tiny = picture_of(examples.images.images, int(row))
            share = None if one.contribution is None else round(one.contribution, 4)
            seen = {"similarity": round(one.similarity, 4), "contribution": share}
            found.append({"label": one.label, **seen, "picture": uri, "tiny": tiny})
        return found
