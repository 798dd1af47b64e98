"""Matching: the probability of each enrolled class, and whether an image is rejected as none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from torch.nn import functional

from headstart.core.rows import unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Booleans, Floats, Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.gallery.meta_learner_selection import Embedding
from headstart.heads.class_statistics import class_means
from headstart.heads.temperature import fit_temperature
from headstart.methods.heads import ridge_head
from headstart.novelty.rejection_threshold import rejection_thresholds

RIDGE_SHOTS = 3
"""Median number of images a class from which ridge is better than mean directions; it was on digits, clothing and emoji."""
MOST_RIDGE_ROWS = 1_000
"""The largest number of enrolled images for ridge, which is solved anew for each call; with more, it takes too long."""
MOST_SCORED = 1_500
"""The largest number of enrolled images, evenly spaced, that set threshold and temperature; a matter of time alone."""
NO_PAIRS: Floats = np.empty(0)
PRIOR_TEMPERATURE = 0.1
"""Temperature of cosines where every class has one image and none can be left out. Emoji identities ask for 0.18 at 5 classes,
0.08 at 20 and 0.05 at 100."""


@dataclass(frozen=True)
class Matches:
    """One row an image.

    Attributes:
        probs: float64 [image, class].
        similarity: float64 [image, class], cosines to class directions.
        threshold: float64 [image], of the most similar class; an image whose largest similarity is below is none of the classes.
    """

    probs: Floats
    similarity: Floats
    threshold: Floats


def match(
    features: FeatureSet,
    enrolled: FeatureSet,
    labels: Integers,
    background: FeatureSet,
    embedding: Embedding | None,
    within_class: Floats = NO_PAIRS,
) -> Matches:
    """The classes of images; a pure function of the enrolled images, so that a class that is removed has no effect.

    A class is the mean direction of its images. With three images a class and more, ridge gives the probabilities, while the
    similarity to mean directions still decides whether an image is rejected. With an embedding, its meta-learner gives them.

    Args:
        features: Of the images.
        enrolled: Of the enrolled images.
        labels: int64 [enrolled image], in 0..C-1, every class present.
        background: Of images of no class: they center plain features and stand for unknown images.
        embedding: Meta-learned; None for plain features.
        within_class: As for `rejection_thresholds`.

    Returns:
        The matches.

    Reference: Wang et al., "SimpleShot", arXiv 1911.04623, section 3 (CL2N).
    Differs: features of all stages, each scaled to unit length; centered on images outside the task, so that one class does not
        change another; means are scaled to unit length, too, so that classes with many images do not win by it.
    """
    rows_of = unit_rows_by(background, embedding)
    own, queries, unknown = rows_of(enrolled), rows_of(features), rows_of(background)
    means = np.asarray(class_means(own, labels, int(labels.max()) + 1), own.dtype)
    directions = unit_rows(means)
    scored = evenly_spaced(len(labels), MOST_SCORED)
    left_out, has_mates = left_out_similarity(own, labels, means, scored)
    thresholds = rejection_thresholds(left_out, labels[scored], has_mates, (unknown @ directions.T).max(axis=1), within_class)
    similarity = np.asarray(queries @ directions.T, np.float64)
    threshold = thresholds[similarity.argmax(axis=1)]
    if embedding is not None:
        targets = functional.one_hot(torch.from_numpy(labels)).float()
        scores = embedding.logits(embedding.projection.rows(enrolled), targets, embedding.projection.rows(features))
        return Matches(softmax(scores, axis=1), similarity, threshold)
    if len(directions) > 1 and np.median(np.bincount(labels)) >= RIDGE_SHOTS and len(labels) <= MOST_RIDGE_ROWS:
        head, temperature = ridge_head(enrolled, labels, len(directions))
        return Matches(softmax(head.scores(features) / temperature, axis=1), similarity, threshold)
    mates = labels[scored][has_mates]
    temperature = fit_temperature(left_out[has_mates], mates) if len(np.unique(mates)) > 1 else PRIOR_TEMPERATURE
    return Matches(softmax(similarity / temperature, axis=1), similarity, threshold)


def unit_rows_by(background: FeatureSet, embedding: Embedding | None) -> Callable[[FeatureSet], Floats]:
    """A function from features to the unit rows whose cosines are similarities, float [image, feature]."""
    if embedding is not None:
        return lambda features: unit_rows(embedding.embedded(embedding.projection.rows(features)))
    representation = Representation.fitted(background, "stages")
    return lambda features: unit_rows(representation.matrix(features))


def within_class_similarity(rows: Floats, labels: Integers, domains: Integers | None) -> Floats:
    """The cosine of the first image of each class with the next one, of another domain where there is one.

    Args:
        rows: float [row, feature], unit length.
        labels: int64 [row].
        domains: int64 [row]; None for one domain.

    Returns:
        float64 [class], of the classes with two images and more.
    """
    found = []
    for label in np.unique(labels):
        first, *others = np.flatnonzero(labels == label)
        apart = [row for row in others if domains is not None and domains[row] != domains[first]]
        if others:
            found.append(float(rows[first] @ rows[(apart or others)[0]]))
    return np.array(found)


def left_out_similarity(rows: Floats, labels: Integers, means: Floats, scored: Integers) -> tuple[Floats, Booleans]:
    """Cosines of enrolled rows with class directions, the row itself left out of its class.

    Args:
        rows: float [row, feature], unit length.
        labels: int64 [row].
        means: float [class, feature], mean rows; their directions are those of the classes.
        scored: int64 [scored row], which rows.

    Returns:
        float64 [scored row, class], and bool [scored row]: whether the row's class has another row; the cosine is -1 where not.
    """
    directions, counts = unit_rows(means), np.bincount(labels)[labels[scored]]
    own = rows[scored]
    similarity = np.asarray(own @ directions.T, np.float64)
    rest = means[labels[scored]] * counts[:, None] - own
    lengths = np.linalg.norm(rest, axis=1)
    has_mates = (counts > 1) & (lengths > 1e-9)
    cosines = (own * rest).sum(axis=1) / np.maximum(lengths, 1e-12)
    similarity[np.arange(len(scored)), labels[scored]] = np.where(has_mates, cosines, -1.0)
    return similarity, has_mates
