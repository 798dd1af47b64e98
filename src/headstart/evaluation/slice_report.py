"""Slices of an evaluation: the accuracy by attributes of the images, and what is worse beyond chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from headstart.backbones.extractor import Extractor
from headstart.core.cores import num_cores
from headstart.core.evaluation import AttributeRows, Slices, WorseSlice
from headstart.core.predictions import Predictions
from headstart.core.progress import progress
from headstart.core.records import Record
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Booleans, Floats
from headstart.data.images import Images, ImageSet
from headstart.data.joined import JoinedImages
from headstart.evaluation.slice_search import FEWEST_IN_SLICE, Candidate, Found, testable, worse_slices
from headstart.evaluation.slices import all_attributes
from headstart.evaluation.slices.base import Attribute, OfPictures, SliceInputs
from headstart.evaluation.subsets import row_of
from headstart.features.extract import features_of

Evaluated = TypeVar("Evaluated", bound=Record)
MOST_ROWS = 5_000
"""Images that are sorted into slices, evenly spaced: bounds the time of reading pictures again. Chosen, not measured."""
SIDE_PIXELS = 128
"""Shorter side that larger pictures are reduced to before they are measured, about what small networks see. Of pictures of 300
pixels each takes four milliseconds of one core, and eleven with 256."""
MOST_IMAGES = 12
"""Images of a slice that are named."""


def with_slices(
    evaluation: Evaluated, predictions: Predictions, image_sets: Sequence[ImageSet], backbone: Extractor
) -> Evaluated:
    """The evaluation with the slices of its images.

    Args:
        evaluation: Of the predictions; a record with `slices`.
        predictions: One row an image.
        image_sets: Sets that have the images of the predictions, by name; labels are not read. Rows of images that none of them
            has, such as those of a folder that was moved after the prediction, are in no slice.
        backbone: The model's network, for clusters of features.

    Returns:
        The same evaluation, with slices where enough images are labeled.
    """
    sequences = tuple(one.images for one in image_sets)
    every = JoinedImages(sequences)
    places = {every.name(row): row for row in range(len(every))}
    known = np.array([name in places for name in predictions.names], bool)
    rows = np.flatnonzero((predictions.labels != UNLABELED) & known)
    rows = rows[evenly_spaced(len(rows), MOST_ROWS)] if len(rows) > MOST_ROWS else rows
    if len(rows) < 2 * FEWEST_IN_SLICE:
        return evaluation
    chosen = np.array([places[predictions.names[row]] for row in rows], np.int64)
    found, first = np.empty((len(rows), 0)), 0
    for one in image_sets:
        inside = np.flatnonzero((chosen >= first) & (chosen < first + len(one)))
        features = np.asarray(features_of(one.take(chosen[inside] - first), backbone).penultimate[:], np.float64)
        found = found if found.shape[1] else np.empty((len(rows), features.shape[1]))
        found[inside] = features
        first += len(one)
    images = sequences[0].take(chosen) if len(sequences) == 1 else JoinedImages(sequences, chosen)
    return evaluation.model_copy(update={"slices": slices_of(predictions.take(rows), images, found)})


@dataclass(frozen=True)
class SlicedRows:
    """Labeled images sorted by their attributes, and what is worse.

    Attributes:
        columns: By name, each attribute that varies with its value of each row.
        candidates: The slices that were tested.
        worse: Those that are worse beyond chance.
    """

    columns: dict[str, tuple[Attribute, NDArray[Any]]]
    candidates: list[Candidate]
    worse: list[Found]


def sliced(labeled: Predictions, images: Images | None = None, features: Floats | None = None) -> SlicedRows:
    """The rows by every attribute, and the slices that are worse than others beyond chance; see `slices_of`."""
    pictures = None if images is None or images.embedded else images
    inputs = SliceInputs(labeled, pictures, features, {} if pictures is None else _measured(pictures))
    columns = {name: (one, one.column(inputs)) for name, one in all_attributes().items()}
    varying = {name: (one, column) for name, (one, column) in columns.items() if column is not None and _varies(column)}
    candidates = [one for name, (attribute, column) in varying.items() for one in _candidates(name, attribute, column, labeled)]
    candidates = testable(candidates, labeled.labels)
    return SlicedRows(varying, candidates, worse_slices(candidates, labeled.correct, labeled.labels, labeled.groups))


def slices_of(labeled: Predictions, images: Images | None = None, features: Floats | None = None) -> Slices:
    """The accuracy by every attribute, and the slices that are worse than others beyond chance.

    Every value of an attribute is a slice, and so are the images of each class that have it.

    Args:
        labeled: One row an image; every row has a label.
        images: The pictures of the same rows; None where they are not at hand.
        features: What the model's network sees of the same rows, float [sample, feature]; None without clusters.

    Returns:
        The slices.
    """
    made = sliced(labeled, images, features)
    num_slices = len(made.candidates)
    return Slices(
        num_images=len(labeled),
        num_slices=num_slices,
        attributes=tuple(
            _rows_of(name, one, column, labeled) for name, (one, column) in made.columns.items() if not one.told_elsewhere
        ),
        worse=tuple(_told(one, labeled, num_slices) for one in made.worse),
    )


def _varies(column: NDArray[Any]) -> bool:
    return len(set(column.tolist()) - {""}) > 1


def _measured(images: Images) -> dict[str, list[Any]]:
    """What each attribute measures of each picture; pictures are read once, by one thread a core."""
    attributes = {name: one for name, one in all_attributes().items() if isinstance(one, OfPictures)}

    def of_row(row: int) -> list[Any]:
        image = images.read(row, SIDE_PIXELS)
        if min(image.size) > SIDE_PIXELS:
            scale = SIDE_PIXELS / min(image.size)
            width, height = (round(side * scale) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BOX)
        picture = np.asarray(image.convert("RGB"), np.float32)
        return [one.of_picture(picture) for one in attributes.values()]

    found: list[list[Any]] = []
    with ThreadPoolExecutor(num_cores()) as pool, progress(len(images), "Measuring pictures") as advance:
        for values in pool.map(of_row, range(len(images))):
            found.append(values)
            advance(1)
    return {name: [values[place] for values in found] for place, name in enumerate(attributes)}


def _candidates(name: str, attribute: Attribute, column: NDArray[Any], labeled: Predictions) -> Iterator[Candidate]:
    """The slices of an attribute, and those of each class."""

    def made(among: Booleans, label: int | None) -> Iterator[Candidate]:
        for phrase, rows in attribute.slices(column, among):
            yield Candidate(phrase, name, rows, label, attribute.within_classes, attribute.whole_groups)

    yield from made(np.ones(len(labeled), bool), None)
    for label in np.unique(labeled.labels) if attribute.within_classes else ():
        yield from made(labeled.labels == label, int(label))


def _rows_of(name: str, attribute: Attribute, column: NDArray[Any], labeled: Predictions) -> AttributeRows:
    rows = (row_of(value, labeled.take(np.flatnonzero(rows))) for value, rows in attribute.table(column))
    return AttributeRows(attribute=name, rows=tuple(rows))


def _told(found: Found, labeled: Predictions, num_slices: int) -> WorseSlice:
    one = found.slice
    inside = labeled.take(np.flatnonzero(one.rows))
    of_class = "" if one.label is None else labeled.classes[one.label]
    name = f'{one.name}, class "{of_class}"' if of_class else one.name
    row = row_of(name, inside)
    accuracy = row.accuracy
    compared = "other images of the same classes" if one.within_classes else "all other images"
    wrong = np.flatnonzero(inside.correct == 0)
    wrong = wrong[np.argsort(-inside.probs[wrong].max(axis=1), kind="stable")]
    return WorseSlice(
        name=name,
        attribute=one.attribute,
        of_class=of_class,
        num_images=row.num_images,
        accuracy=accuracy,
        elsewhere=found.elsewhere,
        p_value=found.p_value,
        sentence=(
            f"{name[0].upper()}{name[1:]}: {accuracy.value:.1%} [{accuracy.low:.1%}, {accuracy.high:.1%}] of "
            f"{row.num_images:,} images are right, and {found.elsewhere:.1%} of {compared}; p = {found.p_value:.3f}, corrected "
            f"for the {num_slices:,} slices that were looked at."
        ),
        images=tuple(inside.names[place] for place in wrong[:MOST_IMAGES]),
    )
