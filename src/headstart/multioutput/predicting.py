"""What a model of outputs says about new images, one row an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import UNLABELED
from headstart.data.given_images import GivenImages, given_images, pictures_of
from headstart.data.given_vectors import given_vectors
from headstart.data.images import Images, ImageSet
from headstart.data.scan import scan
from headstart.multioutput.intervals import LEVEL
from headstart.multioutput.model import OutputModel


def predict_outputs(model: OutputModel, images: GivenImages, interval: float | None = None) -> PredictionRows:
    """One row an image, or the error that kept it from being read.

    A row of labels is `{"path", "labels", "probs"}`, one of a number `{"path", "value", "interval": {"level", "low", "high"}}`,
    without the interval where labeled images are too few for one of 90 % and none was asked for.

    Args:
        model: What predicts.
        images: As of `headstart.predict`.
        interval: Share of images whose interval is to hold the true number; 0.9 by default.

    Returns:
        The rows.

    Raises:
        DataError: Intervals are asked for of labels, or cannot be given at that share.
        PlanError: The share is none.
    """
    if interval is not None and model.residuals is None:
        raise DataError("Prediction intervals are for numbers, and this run predicts labels, with a probability each.")
    given = given_images(images)
    if not provider_of(model.networks[0].card).takes_pictures:
        vectors = given_vectors(given)
        return PredictionRows(
            [{"path": vectors.name(row), **one} for row, one in enumerate(answers_of(model, vectors, interval))]
        )
    pictures = pictures_of(given)
    problems = scan(pictures).problems
    readable = np.flatnonzero([not problem for problem in problems])
    rows: list[dict[str, Any]] = [{"path": pictures.name(row), "error": problem} for row, problem in enumerate(problems)]
    for row, answer in zip(readable.tolist(), answers_of(model, pictures.take(readable), interval), strict=True):
        rows[row] = {"path": pictures.name(row), **answer}
    return PredictionRows(rows, pictures)


def answers_of(model: OutputModel, images: Images, interval: float | None = None) -> Iterator[dict[str, Any]]:
    """The row of each image, of which all can be read, but for its path."""
    if not len(images):
        return
    shown = ImageSet(images, (), np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))
    values = model.values(shown)
    if model.residuals is None:
        for row in values:
            said = [name for name, value, least in zip(model.outputs, row, model.thresholds, strict=True) if value >= least]
            probs = {name: float(value) for name, value in zip(model.outputs, row, strict=True)}
            yield {"labels": sorted(said, key=lambda name, probs=probs: -probs[name]), "probs": probs}  # type: ignore[misc]
        return
    if interval is None and not model.residuals.allows(LEVEL):
        yield from ({"value": value} for value in values[:, 0].tolist())
        return
    level = LEVEL if interval is None else interval
    ends = model.intervals(shown, level)
    for value, low, high in zip(values[:, 0].tolist(), ends[0][:, 0].tolist(), ends[1][:, 0].tolist(), strict=True):
        yield {"value": value, "interval": {"level": level, "low": low, "high": high}}
