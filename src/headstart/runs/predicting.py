"""Predictions of a model for new files, one row a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import Predictions
from headstart.core.types import UNLABELED
from headstart.data.images import FileImages, ImageSet
from headstart.data.scan import scan
from headstart.methods.model import CANNOT_JUDGE, Model

USUAL_REFUSAL = 0.05
"""Share of images of known classes that are refused by default: the usual level of a test."""


def predict_files(
    model: Model, paths: Sequence[str | Path], refuse: float | None = None, origin: str = ""
) -> list[dict[str, Any]]:
    """One row a file: its path with label, probability and all probabilities, or with the error that kept it from being read.

    Args:
        model: What predicts.
        paths: Image files.
        refuse: Share of images of known classes that may be refused, 0 for none; None for a twentieth if the model can judge.
        origin: The model's run folder, for messages.

    Returns:
        See `headstart.predict`.

    Raises:
        PlanError: `refuse` is no share.
        DataError: The model cannot judge familiarity, and it is to refuse.
    """
    if refuse is not None and not 0.0 <= refuse < 1.0:
        raise PlanError(f"refuse = {refuse:g} is not a share of images. Give 0 or more, and less than 1.")
    if refuse and model.witness is None:
        raise DataError(f"{origin}: {CANNOT_JUDGE}")
    images = FileImages(tuple(map(Path, paths)))
    problems = scan(images).problems
    readable = np.flatnonzero([not problem for problem in problems])
    rows: list[dict[str, Any]] = [{"path": str(path), "error": problem} for path, problem in zip(paths, problems, strict=True)]
    if len(readable):
        unlabeled = np.full(len(readable), UNLABELED, np.int64)
        shown = ImageSet(images.take(readable), model.classes, unlabeled, np.arange(len(readable)))
        answers = _answers(model.judged(shown), USUAL_REFUSAL if refuse is None else refuse)
        for row, answer in zip(readable.tolist(), answers, strict=True):
            rows[row] = {"path": str(paths[row]), **answer}
    return rows


def _answers(predictions: Predictions, refuse: float) -> Iterator[dict[str, Any]]:
    """What is said of each image; the most probable class is named where the image is refused, too."""
    for row, probs in enumerate(predictions.probs):
        best = int(probs.argmax())
        nearest = predictions.classes[best]
        shares = {name: float(share) for name, share in zip(predictions.classes, probs, strict=True)}
        answer = {"label": nearest, "nearest": nearest, "probability": float(probs[best]), "probs": shares}
        if predictions.familiarity is not None:
            familiarity = float(predictions.familiarity[row])
            refused = familiarity <= refuse
            answer |= {"label": None if refused else nearest, "familiarity": familiarity, "refused": refused}
        yield answer
