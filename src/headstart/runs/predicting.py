"""Predictions of a model for new images, one row an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError, PlanError
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import UNLABELED, Booleans, Floats
from headstart.data.given_images import GivenImages, given_images, pictures_of, vectors_of
from headstart.data.images import Images, ImageSet
from headstart.data.pixel_arrays import Given
from headstart.data.prefetch import prefetched
from headstart.data.scan import scan
from headstart.methods.model import NO_DETECTOR, Model
from headstart.novelty.detector import UNUSUAL
from headstart.runs.calibrated import Asked

NO_VECTORS = "holds no feature vectors, and the model was fitted on such. Give a .npz or .parquet file."


PLAIN = Asked()


def predict_images(model: Model, images: GivenImages, asked: Asked = PLAIN, origin: str = "") -> PredictionRows:
    """One row an image; see `headstart.predict`. `origin` is the model's run folder, for messages."""
    refuse = asked.refuse
    if refuse is not None and not 0.0 <= refuse < 1.0:
        raise PlanError(f"refuse = {refuse:g} is not a share of images. Give 0 or more, and less than 1.")
    if refuse and model.detector_model is None:
        raise DataError(f"{origin}: {NO_DETECTOR}")
    given = given_images(images)
    if not provider_of(model.backbone.card).takes_pictures:
        return PredictionRows(_rows_of_given_vectors(model, given, asked))
    pictures = pictures_of(given)
    try:
        return PredictionRows(_rows_of(model, pictures, asked), pictures)
    except (DataError, OSError):  # a file that cannot be read, or something else
        problems = scan(pictures).problems
        if not any(problems):
            raise
    readable = np.flatnonzero([not problem for problem in problems])
    rows: list[dict[str, Any]] = [{"path": pictures.name(row), "error": problem} for row, problem in enumerate(problems)]
    for row, answer in zip(readable.tolist(), _rows_of(model, pictures.take(readable), asked), strict=True):
        rows[row] = answer
    return PredictionRows(rows, pictures)


def _rows_of(model: Model, images: Images, asked: Asked) -> list[dict[str, Any]]:
    """The rows where every image can be read: each is decoded once, by the extraction."""
    return [{"path": images.name(row), **answer} for row, answer in enumerate(answers_of(model, images, asked))]


def _rows_of_given_vectors(model: Model, given: Images | list[Given], asked: Asked) -> list[dict[str, Any]]:
    """The rows of arrays, or those of each of several files."""
    if isinstance(given, Images) or not all(isinstance(item, str | Path) for item in given):
        return _rows_of(model, vectors_of(given), asked)
    from headstart.data.readers.embeddings import Embeddings  # noqa: PLC0415

    paths = [str(path) for path in given]
    if not any(map(Embeddings().recognizes, paths)):
        raise DataError(" ".join(map(_no_vectors, paths)))
    return [row for path in paths for row in _rows_of_vectors(model, path, asked)]


def _no_vectors(path: str) -> str:
    if not Path(path).exists():
        return f"{path}: does not exist. Give a .npz or .parquet file with feature vectors."
    return f"{path}: {NO_VECTORS}"


def _rows_of_vectors(model: Model, path: str, asked: Asked) -> list[dict[str, Any]]:
    """The rows of one file of embeddings, named by file and position; one row with the error where it cannot be read."""
    from headstart.data.readers.embeddings import Embeddings  # noqa: PLC0415

    reader = Embeddings()
    if not reader.recognizes(path):
        return [{"path": path, "error": _no_vectors(path)}]
    try:
        images = reader.read_unsorted(path).images
    except DataError as error:
        return [{"path": path, "error": str(error)}]
    return [{"path": f"{path}[{row}]", **answer} for row, answer in enumerate(answers_of(model, images, asked))]


def answers_of(model: Model, images: Images, asked: Asked = PLAIN) -> Iterator[dict[str, Any]]:
    """The row of each image, of which all can be read, but for its path; see `headstart.predict`.

    The p-values are those of the model as it was fitted, adapted or not.
    """
    if not len(images):
        return
    shown = ImageSet(images, model.classes, np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))
    shown = shown.with_content_keys(prefetched(images.content_key, range(len(images))))
    p_values = None if model.detector_model is None else model.p_values(shown)
    if asked.adapt:
        from headstart.methods.test_time import adapted_at_test_time  # noqa: PLC0415

        model = adapted_at_test_time(model, shown, asked.adapt)
    predicted = model.predict(shown).probs
    inside = None if asked.sets is None else asked.sets.holds(predicted)
    for row, probs in enumerate(predicted):
        answer = _answer(model.classes, probs, None if p_values is None else float(p_values[row]), asked)
        yield answer if inside is None else answer | {"set": _set_of(model.classes, probs, inside[row])}


def _answer(classes: tuple[str, ...], probs: Floats, p_value: float | None, asked: Asked) -> dict[str, Any]:
    """What is said about one image; where a label may be withheld, `best_guess` says what it is or would have been."""
    best = int(probs.argmax())
    answer: dict[str, Any] = {"label": classes[best]}
    if asked.refuse is not None or asked.answered is not None:
        refused = asked.refuse is not None and p_value is not None and p_value < asked.refuse
        unsure = asked.answered is not None and float(probs[best]) < asked.answered.threshold
        answer = {"label": None if refused or unsure else classes[best], "best_guess": classes[best]}
    return answer | {
        "probability": float(probs[best]),
        "probs": {name: float(share) for name, share in zip(classes, probs, strict=True)},
        "unknown": None if p_value is None else {"p_value": p_value, "flag": p_value < UNUSUAL},
    }


def _set_of(classes: tuple[str, ...], probs: Floats, inside: Booleans) -> list[str]:
    """The classes of a prediction set, the most probable first."""
    return [classes[label] for label in np.argsort(-probs, kind="stable") if inside[label]]
