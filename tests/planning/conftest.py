"""Rungs and predictions made by hand, and a small task of pictures, for the tests of planning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.data.images import ArrayImages, Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.training.settings import Training


@pytest.fixture
def make_predictions() -> Callable[..., Predictions]:
    """Two-class predictions with a given margin of the true class in each row."""

    def make(margins: np.ndarray, labels: np.ndarray | None = None, start: int = 0) -> Predictions:
        num = len(margins)
        labels = np.arange(num) % 2 if labels is None else labels
        scores = np.zeros((num, 2))
        scores[np.arange(num), labels] = margins
        probs = softmax(scores, axis=1)
        names = tuple(f"image-{row}.png" for row in range(start, start + num))
        return Predictions(names, ("yes", "no"), labels, probs, probs, np.arange(start, start + num))

    return make


@pytest.fixture
def make_candidate() -> Callable[..., Candidate]:
    """A candidate on 96 pixels; ridge unless told otherwise."""

    def make(family: str = "transfer", pretrained: str = "net", **other: object) -> Candidate:
        values = {"weights": "pretrained" if family == "transfer" else "none", "input_pixels": 96}
        values |= {"method": {"kind": "ridge", "blocks": "stages"}, "training": Training(epochs=8), **other}
        return Candidate(family=family, pretrained=pretrained, **values)

    return make


@pytest.fixture
def make_validated(make_candidate) -> Callable[..., CrossValidated]:
    """A cross-validated candidate with a given accuracy and log loss."""

    def make(
        candidate: Candidate, accuracy: float = 0.8, log_loss: float = 0.5, num_rows: int = 1500, **other: object
    ) -> CrossValidated:
        facts = {
            "accuracy": Estimate(value=accuracy, low=accuracy - 0.02, high=accuracy + 0.02),
            "log_loss": Estimate(value=log_loss, low=log_loss - 0.1, high=log_loss + 0.1),
            "num_rows": num_rows,
        }
        return CrossValidated(candidate, candidate.result(**facts), **other)

    return make


@pytest.fixture
def pictures() -> Task:
    """Forty-three pictures of side 8 in three unequal classes that differ in color."""
    draw = np.random.default_rng(5)
    labels = np.array([0] * 17 + [1] * 13 + [2] * 13, np.int64)
    pixels = draw.integers(0, 150, (43, 8, 8, 3)).astype(np.uint8)
    pixels[np.arange(43), :, :, labels] += 90
    classes = ("red", "green", "blue")
    images = ImageSet(ArrayImages(pixels, "squares", np.arange(43)), classes, labels, np.arange(43))
    return Task("squares", classes, images, native_pixels=8)


@pytest.fixture
def vectors() -> Callable[..., Task]:
    """Feature vectors of two unequal classes, `shift` apart, with a sealed test set."""

    def make(shift: float = 3.0, num: int = 61) -> Task:
        rng = np.random.default_rng(3)
        labels = (np.arange(num + 23) % 5 < 2).astype(np.int64)
        features = (rng.normal(size=(num + 23, 7)) + shift * labels[:, None]).astype(np.float32)
        everything = ImageSet(Embeddings(features, "vectors", np.arange(num + 23)), ("low", "high"), labels, np.arange(num + 23))
        test = replace(everything.take(range(num, num + 23)), sealed=True)
        return Task("vectors", ("low", "high"), everything.take(range(num)), test=test, place="vectors.npz")

    return make


@pytest.fixture
def ranking() -> Callable[..., Ranking]:
    """A ranking with one candidate."""

    def make(name: str = "embeddings") -> Ranking:
        only = RankedCandidate(
            name=name, pretrained=name, weights="none", baseline=False, scores={}, rank=1.0, first_probability=1.0,
            estimate=Estimate(value=0.9, low=0.8, high=1.0), seconds=2.0,
        )  # fmt: skip
        return Ranking(candidates=(only,), chosen=(name,), distinguishable=True, sentence="One candidate.", num_images=61)

    return make
