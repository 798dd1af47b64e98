"""Matching: which enrolled class an image is most like, how sure that is, and whether it is like any."""

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
from headstart.heads.class_statistics import class_means
from headstart.heads.temperature import fit_temperature
from headstart.methods.heads import ridge_head
from headstart.novelty.rejection_threshold import rejection_thresholds
from headstart.planning.sources.meta_learner_selection import Embedding

RIDGE_SHOTS = 3
"""Images a class, at the median, from which on ridge is better than mean directions: it was on digits, clothing and emoji."""
MOST_RIDGE_ROWS = 1_000
"""Ridge on more takes longer than a prediction should: it is solved anew when the classes change."""
MOST_JUDGED = 1_500
"""Enrolled images that set threshold and temperature; of more, that many, evenly spaced."""
NO_RELATIVES: Floats = np.empty(0)
PRIOR_TEMPERATURE = 0.1
"""Of cosines where every class has one image and nothing can be left out. Emoji identities ask for 0.18 at 5 classes, 0.08 at 20
and 0.05 at 100."""


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
    relatives: Floats = NO_RELATIVES,
) -> Matches:
    """What images are most like; a pure function of what is enrolled, so that a class that goes leaves no trace.

    A class is the mean direction of its images. With three images a class and more, ridge decides among classes, while the
    similarity goes on saying whether an image is any of them. With an embedding, its meta-learner decides.

    Args:
        features: Of the images.
        enrolled: Of the enrolled images.
        labels: int64 [enrolled image], in 0..C-1, every class present.
        background: Of images of no class: they center plain features and stand for strangers.
        embedding: Meta-learned; None for plain features.
        relatives: `within_class` of `rejection_thresholds`.

    Returns:
        The matches.

    Reference: Wang et al., "SimpleShot", arXiv 1911.04623, section 3 (CL2N).
    Differs: features of all stages, each scaled to unit length; centered on images outside the task, so that classes do not move
        one another; means are scaled to unit length, too, so that classes with many images do not win by it.
    """
    see = view_of(background, embedding)
    own, shown, strangers = see(enrolled), see(features), see(background)
    means = np.asarray(class_means(own, labels, int(labels.max()) + 1), own.dtype)
    directions = unit_rows(means)
    judged = evenly_spaced(len(labels), MOST_JUDGED)
    left_out, fair = left_out_similarity(own, labels, means, judged)
    thresholds = rejection_thresholds(left_out, labels[judged], fair, (strangers @ directions.T).max(axis=1), relatives)
    similarity = np.asarray(shown @ directions.T, np.float64)
    threshold = thresholds[similarity.argmax(axis=1)]
    if embedding is not None:
        scores = _adapted_scores(embedding, features, enrolled, labels)
        return Matches(softmax(scores, axis=1), similarity, threshold)
    if len(directions) > 1 and np.median(np.bincount(labels)) >= RIDGE_SHOTS and len(labels) <= MOST_RIDGE_ROWS:
        head, temperature = ridge_head(enrolled, labels, len(directions))
        return Matches(softmax(head.scores(features) / temperature, axis=1), similarity, threshold)
    mates = labels[judged][fair]
    temperature = fit_temperature(left_out[fair], mates) if len(np.unique(mates)) > 1 else PRIOR_TEMPERATURE
    return Matches(softmax(similarity / temperature, axis=1), similarity, threshold)


def view_of(background: FeatureSet, embedding: Embedding | None) -> Callable[[FeatureSet], Floats]:
    """Features to the unit rows whose cosines are similarities, float [image, feature]; arguments as for `match`."""
    if embedding is not None:
        return lambda features: unit_rows(embedding.embedded(embedding.projection.rows(features)))
    representation = Representation.fitted(background, "stages")
    return lambda features: unit_rows(representation.matrix(features))


def _adapted_scores(embedding: Embedding, features: FeatureSet, enrolled: FeatureSet, labels: Integers) -> Floats:
    targets = functional.one_hot(torch.from_numpy(labels)).float()
    rows = embedding.projection.rows
    return embedding.logits(rows(enrolled), targets, rows(features))


def relatives_in(rows: Floats, labels: Integers, domains: Integers | None) -> Floats:
    """Cosines of the first image of each class with the next one, of another domain where there is one, float64 [class].

    Args:
        rows: float [row, feature], unit length.
        labels: int64 [row].
        domains: int64 [row]; None for one domain.

    Returns:
        One a class of two images and more.
    """
    found = []
    for label in np.unique(labels):
        first, *others = np.flatnonzero(labels == label)
        apart = [row for row in others if domains is not None and domains[row] != domains[first]]
        if others:
            found.append(float(rows[first] @ rows[(apart or others)[0]]))
    return np.array(found)


def left_out_similarity(rows: Floats, labels: Integers, means: Floats, judged: Integers) -> tuple[Floats, Booleans]:
    """Cosines of enrolled rows with class directions, each without the row itself.

    Args:
        rows: float [row, feature], unit length.
        labels: int64 [row].
        means: float [class, feature], mean rows; their directions are those of the classes.
        judged: int64 [judged row], which rows.

    Returns:
        float64 [judged row, class], and bool [judged row]: whether the row's class has another one; where it has none, the cosine
        with it is -1.
    """
    directions, counts = unit_rows(means), np.bincount(labels)[labels[judged]]
    own = rows[judged]
    similarity = np.asarray(own @ directions.T, np.float64)
    rest = means[labels[judged]] * counts[:, None] - own
    lengths = np.linalg.norm(rest, axis=1)
    fair = (counts > 1) & (lengths > 1e-9)
    cosines = (own * rest).sum(axis=1) / np.maximum(lengths, 1e-12)
    similarity[np.arange(len(judged)), labels[judged]] = np.where(fair, cosines, -1.0)
    return similarity, fair
