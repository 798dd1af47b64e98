"""Images to label: which of many images without labels a person should label first, by a strategy."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from headstart.backbones.extractor import Extractor
from headstart.core.errors import DataError
from headstart.core.rows import unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.images import ImageSet
from headstart.evaluation.label_choice import default_strategy, rows_to_choose
from headstart.evaluation.label_inputs import LabelInputs
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods.model import Model
from headstart.planning.adapting.adapt import ToLabel

MOST_ROWS = 20_000
"""Images without labels that are looked at, evenly spaced: bounds the time for their features. Chosen, not measured."""


def images_to_label(
    free: ImageSet,
    known: ImageSet | None,
    backbone: Extractor,
    num: int,
    *,
    model: Model | None = None,
    strategy: str | None = None,
    seed: int = 0,
) -> ToLabel:
    """The images whose labels are expected to help most, the most useful first.

    Features are those of the last layer, centered, of unit length. Without a model, a ridge head on them predicts where two
    classes have labels.

    Args:
        free: Images without labels; of more than 20,000 so many, evenly spaced.
        known: Images with labels; None where there are none.
        backbone: What sees the images; that of the model where there is one.
        num: How many to choose; all where there are fewer.
        model: What predicts; None for a ridge head.
        strategy: Name of a strategy; None chooses by the number of labels.
        seed: Of what is drawn.

    Returns:
        The images, with the predicted classes and their probabilities where something could predict.

    Raises:
        DataError: There is no image without a label.
        PlanError: The strategy does not exist, or needs a model and there is none.
    """
    if not len(free):
        raise DataError("There is no image without a label to choose from. Put images into unlabeled/, or name a folder of them.")
    labeled = known if known is not None and len(known) else None
    looked_at = evenly_spaced(len(free), MOST_ROWS)
    sample = free.take(looked_at)
    rows, own = _rows(sample, labeled, backbone)
    probs = _probs(rows, own, labeled) if model is None else model.predict(sample).probs
    num_classes = labeled.num_classes if labeled is not None else 0
    name = strategy or default_strategy(len(own), num_classes)
    inputs = LabelInputs(rows, own, probs, min(num, len(sample)), seed)
    chosen = rows_to_choose(inputs, name)
    classes = model.classes if model is not None else free.classes
    return ToLabel(
        names=tuple(sample.images.name(int(row)) for row in chosen),
        rows=tuple(looked_at[chosen].tolist()),
        guesses=tuple("" if probs is None else classes[int(probs[row].argmax())] for row in chosen),
        num_differing=0,
        strategy=name,
        probabilities=() if probs is None else tuple(float(probs[row].max()) for row in chosen),
    )


def _rows(free: ImageSet, known: ImageSet | None, backbone: Extractor) -> tuple[Floats, Floats]:
    """Features of unit length of images without and with labels, centered on all of them."""
    own = np.asarray(features_of(free, backbone).penultimate[:], np.float32)
    others = own[:0] if known is None else np.asarray(features_of(known, backbone).penultimate[:], np.float32)
    mean = np.concatenate([own, others]).mean(axis=0)
    return unit_rows(own - mean), unit_rows(others - mean)


def _probs(rows: Floats, own: Floats, known: ImageSet | None) -> Floats | None:
    """What a ridge head predicts; None where fewer than two classes have labels."""
    if known is None or len(np.unique(known.labels)) < 2:
        return None
    fit = fit_ridge(own, known.labels, known.num_classes, None, known.groups)
    return np.asarray(softmax((rows @ fit.weight + fit.bias) / fit.temperature, axis=1))


def without_known(free: ImageSet, known: ImageSet) -> Integers:
    """The rows of `free` whose pictures have no label among `known`, int64, by their content."""
    return without_pictures_of(free, known.take(known.labels != UNLABELED))


def without_pictures_of(free: ImageSet, other: ImageSet | None) -> Integers:
    """The rows of `free` whose pictures are not in the other set, int64, by their content; no label of it is read."""
    keys = set(other.content_keys) if other is not None else set[str]()
    return np.flatnonzero([key not in keys for key in free.content_keys])
