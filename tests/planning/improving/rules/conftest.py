"""Evidence made by hand: a fit that got so many of its own and of its held-out rows wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from headstart.core.predictions import Predictions
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.task import Task
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.fitting import candidate_of
from headstart.planning.improving.fit_evidence import FitEvidence
from headstart.planning.improving.training_curve import TrainingCurve
from headstart.planning.plan import Plan

CLASSES = ("cat", "dog", "fox")


def task_with(counts: Sequence[int], side: int = 8) -> Task:
    """Pictures of one side, so many a class."""
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    pixels = np.random.default_rng(11).integers(0, 255, (len(labels), side, side, 3)).astype(np.uint8)
    rows = np.arange(len(labels))
    return Task("pets", CLASSES, ImageSet(ArrayImages(pixels, "pets", rows), CLASSES, labels, rows), native_pixels=side)


def predicted(labels: np.ndarray, wrong: Sequence[int], confidence: float = 0.9) -> Predictions:
    """Predictions of one confidence; of each class, the first `wrong` rows are taken for the next class."""
    rows = np.arange(len(labels))
    rank = np.array([int((labels[:row] == labels[row]).sum()) for row in rows])
    said = np.where(rank < np.asarray(wrong)[labels], (labels + 1) % len(CLASSES), labels)
    probs = np.full((len(labels), len(CLASSES)), (1 - confidence) / (len(CLASSES) - 1))
    probs[rows, said] = confidence
    return Predictions(tuple(f"pets[{row}]" for row in rows), CLASSES, labels, probs, probs, rows)


@pytest.fixture
def make_evidence() -> Callable[..., FitEvidence]:
    """Evidence of a fine-tuned network, twenty rows a class unless told otherwise."""

    def make(
        *,
        counts: Sequence[int] = (20, 20, 20),
        held_wrong: Sequence[int] | None = (0, 0, 0),
        fitted_wrong: Sequence[int] | None = (0, 0, 0),
        confidence: float = 0.9,
        wanted: float | None = None,
        plan: dict[str, Any] | None = None,
        **facts: Any,
    ) -> FitEvidence:
        task = task_with(counts)
        values = {"pretrained": "efficientnet_lite0", "input_pixels": 32, "method": {"kind": "fine_tune", "view": "weak"}}
        made = Plan(data="pets", **{**values, **(plan or {})})
        held = None if held_wrong is None else predicted(task.train.labels, held_wrong, confidence)
        candidate = candidate_of(made)
        validated = CrossValidated(candidate, candidate.result(status="fitted" if held else "failed"), held, wanted)
        fitted = None if fitted_wrong is None else predicted(task.train.labels, fitted_wrong)
        known = {"backbone": None, "model": None, **facts}
        return FitEvidence(task=task, plan=made, cross_validated=validated, fitted=fitted, **known)

    return make


@pytest.fixture
def make_curve() -> Callable[..., TrainingCurve]:
    """A curve through these losses, three classes at chance being 1.1 and a perfect answer 0."""

    def make(*losses: float, steps: int = 100, attempts: int = 0) -> TrainingCurve:
        return TrainingCurve(np.array(losses), steps, attempts, chance=1.1, floor=0.0)

    return make
