"""Class scores: what a model says of one class, for pictures with parts that are replaced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.images import Images, ImageSet
from headstart.data.masked import Fill, MaskedImages
from headstart.features.extract import seconds_an_image
from headstart.features.store.transient import transient_features
from headstart.methods.model import Model

FILL: Fill = "blur"
"""What covered places become. Maps are told from chance better than by the mean color, whose edges the network sees; see
`benchmarks/deletion_curves.py`."""
LEAST = 1e-9
"""Probabilities are kept so far from 0 and 1 before log-odds are taken."""


def sides_of(model: Model) -> tuple[int, ...]:
    """The sides at which its networks take pictures."""
    return tuple(sorted({backbone.transform.pixels for backbone in model.backbones}))


def seconds_of(model: Model) -> float:
    """Predicted seconds that a model takes for one picture, by all of its networks."""
    return sum(seconds_an_image(backbone) for backbone in model.backbones)


def maskable(model: Model, images: Images, fill: Fill = FILL, keys: Sequence[str] | None = None) -> MaskedImages:
    """Pictures as a model sees them, of which parts can be replaced; `keys` are their content keys where these are known."""
    known = [images.content_key(row) for row in range(len(images))] if keys is None else keys
    return MaskedImages.of(images, sides_of(model), known, fill)


def probs_of(model: Model, images: Images) -> Floats:
    """Probabilities, float64 [picture, class]; features are not kept, as such pictures are never met again."""
    rows = ImageSet(images, model.classes, np.full(len(images), UNLABELED, np.int64), np.arange(len(images)))
    with transient_features():
        return model.predict(rows).probs


def log_odds(probs: Floats, labels: Integers) -> Floats:
    """Log-odds of the class `labels` [picture] of each row of probabilities [picture, class], float64 [picture].

    Unlike the probability they still change where a model is sure.
    """
    chosen = np.asarray(probs, np.float64)[np.arange(len(labels)), labels]
    return np.asarray(logit(np.clip(chosen, LEAST, 1.0 - LEAST)))
