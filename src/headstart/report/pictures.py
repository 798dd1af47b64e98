"""Pictures worth a look, small enough to be put into the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.attribution.explanation import Explanation
from headstart.attribution.overlay import overlay
from headstart.attribution.training_images import TrainingImage
from headstart.core.errors import DataError
from headstart.core.predictions import Predictions
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.addresses import copy_of, is_address
from headstart.data.images import FileImages, Images
from headstart.data.task import Task
from headstart.novelty.detector import UNUSUAL

MOST_PICTURES = 12
SIDE_PIXELS = 128
TINY_PIXELS = 40


@dataclass(frozen=True)
class Picture:
    """An evaluated image as the page shows it.

    Attributes:
        name: What a person calls it.
        uri: The thumbnail as a data URI; empty when the picture is not at hand.
        tiny: Whether it has so few pixels that they are shown as squares.
        truth: True class, or "unknown".
        predicted: Most probable class.
        probability: Probability of the predicted class.
        truth_probability: Probability of the true class; 0 where that is unknown.
        p_value: Of the novelty detector; None without one.
    """

    name: str
    uri: str
    tiny: bool
    truth: str
    predicted: str
    probability: float
    truth_probability: float
    p_value: float | None = None

    @property
    def right(self) -> bool:
        """Whether the prediction is right."""
        return self.truth == self.predicted

    @property
    def flagged(self) -> bool:
        """Whether the picture is unlike those learned from."""
        return self.p_value is not None and self.p_value < UNUSUAL


@dataclass(frozen=True)
class ShownReasons:
    """Why a model says what it says about an image, as the page shows it.

    Attributes:
        found: What is known.
        uri: The picture with the map over it as a data URI; empty when it is not at hand.
        nearest: The training images whose pictures are at hand, each with its thumbnail and whether that is tiny.
    """

    found: Explanation
    uri: str
    nearest: tuple[tuple[TrainingImage, str, bool], ...]


class PictureBook:
    """Finds the picture of a name in a task, or on disk when the name is a path.

    Args:
        task: Where the evaluated images are; None when only the run's folder is at hand.
    """

    def __init__(self, task: Task | None) -> None:
        self._places: dict[str, tuple[Images, int]] = {}
        for one in (task.test, task.labeled, task.unlabeled) if task else ():
            if one is not None and not one.images.embedded:
                self._places.update({one.images.name(row): (one.images, row) for row in range(len(one))})

    def reasons(self, found: Explanation) -> ShownReasons:
        """An explanation with its pictures."""
        near = tuple((one, *self.uri(one.name)) for one in found.nearest)
        return ShownReasons(found, self.overlaid(found.path, np.array(found.map)), tuple(one for one in near if one[1]))

    def overlaid(self, name: str, values: Floats) -> str:
        """The thumbnail with a map, float [row, column], over it as a data URI; empty when there is none."""
        images, row = self._place(name)
        try:
            return "" if images is None else overlaid(images.read(row, SIDE_PIXELS), values)
        except DataError:
            return ""

    def uri(self, name: str) -> tuple[str, bool]:
        """The thumbnail as a data URI, empty when there is none, and whether it is tiny."""
        images, row = self._place(name)
        return ("", False) if images is None else picture_of(images, row)

    def _place(self, name: str) -> tuple[Images | None, int]:
        images, row = self._places.get(name, (None, 0))
        path = copy_of(name) if is_address(name) else Path(name)
        if images is None and path is not None and path.is_file():
            images = FileImages((path,))
        return images, row


def picture_of(images: Images, row: int) -> tuple[str, bool]:
    """The thumbnail of a picture as a data URI, empty when it cannot be read, and whether it is tiny."""
    try:
        return thumbnail(images.read(row, SIDE_PIXELS))
    except DataError:
        return "", False


def thumbnail(image: Image.Image) -> tuple[str, bool]:
    """An RGB picture as a data URI, and whether it is tiny.

    A tiny one is a PNG of its own size, whose pixels the page enlarges as squares; others are JPEGs of at most 128 pixels a side.
    """
    tiny = max(image.size) <= TINY_PIXELS
    stream = io.BytesIO()
    if tiny:
        image.save(stream, "PNG", optimize=True)
    else:
        small = image.copy()
        small.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
        small.save(stream, "JPEG", quality=84, optimize=True)
    kind = "png" if tiny else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}", tiny


def overlaid(image: Image.Image, values: Floats) -> str:
    """An RGB picture with a map, float [row, column], over it, as a data URI of about 128 pixels; small ones are enlarged."""
    small = image.copy()
    small.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
    times = max(1, SIDE_PIXELS // max(small.size))
    large = small.resize((small.width * times, small.height * times), Image.Resampling.NEAREST)
    return thumbnail(overlay(large, values))[0]


def rows_named(predictions: Predictions, names: Iterable[str]) -> list[int]:
    """The rows of those names, in their order; names that there are none of are left out."""
    places = {name: row for row, name in enumerate(predictions.names)}
    return [places[name] for name in names if name in places]


def confident_mistakes(predictions: Predictions) -> Integers:
    """Rows that are wrong although the model was sure, surest first, int64 [row]."""
    wrong = np.flatnonzero((predictions.predicted != predictions.labels) & (predictions.labels != UNLABELED))
    return wrong[np.argsort(-predictions.probs[wrong].max(axis=1), kind="stable")][:MOST_PICTURES]


def least_sure(predictions: Predictions) -> Integers:
    """Rows whose two most probable classes are nearest to each other, int64 [row]."""
    best = np.sort(predictions.probs, axis=1)
    margin = best[:, -1] - best[:, -2] if best.shape[1] > 1 else best[:, -1]
    return np.argsort(margin, kind="stable")[:MOST_PICTURES]


def least_like_training(predictions: Predictions) -> Integers:
    """Rows with the lowest p-values of the novelty detector, int64 [row]; none without a detector."""
    if predictions.p_values is None:
        return np.empty(0, np.int64)
    return np.argsort(predictions.p_values, kind="stable")[:MOST_PICTURES]


def flagged_share(predictions: Predictions) -> str:
    """How many rows are flagged as unlike those learned from, as a sentence; empty without a detector."""
    if predictions.p_values is None or not len(predictions):
        return ""
    flagged, total = int((predictions.p_values < UNUSUAL).sum()), len(predictions)
    return (
        f"{flagged:,} of {total:,} images ({flagged / total:.1%}) have a p-value below {UNUSUAL:g}; of images like those learned "
        f"from at most {UNUSUAL:.0%} have. They keep their label and are flagged as perhaps unknown."
    )


def pictures_of(predictions: Predictions, rows: Iterable[int], book: PictureBook) -> tuple[Picture, ...]:
    """Those rows with their thumbnails."""
    made = []
    for row in rows:
        truth, predicted = int(predictions.labels[row]), int(predictions.predicted[row])
        uri, tiny = book.uri(predictions.names[row])
        made.append(
            Picture(
                name=predictions.names[row],
                uri=uri,
                tiny=tiny,
                truth="unknown" if truth == UNLABELED else predictions.classes[truth],
                predicted=predictions.classes[predicted],
                probability=float(predictions.probs[row, predicted]),
                truth_probability=0.0 if truth == UNLABELED else float(predictions.probs[row, truth]),
                p_value=None if predictions.p_values is None else float(predictions.p_values[row]),
            )
        )
    return tuple(made)
