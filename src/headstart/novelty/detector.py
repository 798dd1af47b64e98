"""Acquaintance: what a model remembers of the images it learned from, so as to say how familiar a new one looks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.rows import linear_scores, unit_rows
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.ridge import fit_ridge
from headstart.novelty.similarity import NUM_NEIGHBORS

MOST_ROWS = 2_000
"""Rows of each domain that are looked at, evenly spaced."""
MOST_VALUES = 8_000_000
"""Values remembered, 16 MB in half precision: 2,000 rows of every stage of EfficientNet-Lite0."""
LEAST_SPREAD = 1e-3
"""Of either look: half precision alone makes so much. Looks of pictures spread by some tenths."""


@dataclass(frozen=True)
class NoveltyDetector:
    """How an image looks beside those that were learned from, and how images that were left out look.

    Two things are looked at: the likeness to the most similar row, which says how far outside an image lies, and the largest
    score of a ridge probe, which says how clearly it belongs to a class. They are summed in units of their standard deviations.
    An image is judged for itself, whatever others come with it.

    Reference: Sun, Ming, Zhu & Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022, section 3 (distances
        of unit rows to training rows); Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings", ICML
        2022, section 3 (the largest score); Bates et al., "Testing for outliers with conformal p-values", Annals of Statistics
        2023, eq. 2.
    Differs: rows are centered on their own domain, and the nearest one counts, its similarity corrected as in `similarity`; the
        images that calibrate are left out one by one instead of being set aside.

    Attributes:
        representation: What is seen, centered on the domain of images to come.
        rows: Unit rows that were learned from, float16 [row, feature].
        commonness: Mean cosine of each with the ten images of that domain nearest to it, float32 [row].
        weight: Of the probe, float16 [feature, class].
        bias: Of the probe, float64 [class].
        known: Likeness and largest score of images that were left out, float32 [image, 2].
    """

    representation: Representation
    rows: Floats = field(repr=False)
    commonness: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    known: Floats = field(repr=False)

    @property
    def least(self) -> float:
        """The lowest familiarity that there is: a smaller threshold refuses nothing."""
        return 1.0 / (len(self.known) + 1)

    def p_values(self, features: FeatureSet) -> Floats:
        """The share of left-out images that look no more familiar than each image.

        At most a share a of images like the left-out ones has a familiarity of a or less.

        Args:
            features: Of the images.

        Returns:
            float64 [sample], in (0, 1].
        """
        totals, left_out = self.totals(self.looks(features)), self.totals(self.known)
        below = np.searchsorted(np.sort(left_out), totals, side="right")
        return np.asarray((1.0 + below) / (len(left_out) + 1.0))

    def totals(self, looks: Floats) -> Floats:
        """The sum of both looks [sample, 2], each in standard deviations of left-out images from their mean, float [sample].

        A look that is the same for all left-out images has no standard deviations to tell in. What looks as familiar as they do,
        or as any of the remembered rows, is as they are; what looks less so is far from them.
        """
        center, spread = self.known.mean(axis=0), self.known.std(axis=0)
        told = spread > LEAST_SPREAD
        gap = (looks - center) / np.maximum(spread, LEAST_SPREAD)
        if not told.all():
            short = (looks - np.minimum(center, self._least_remembered)) / LEAST_SPREAD
            gap = np.where(told, gap, np.where(short < -1.0, short, 0.0))
        return np.asarray(gap.sum(axis=1))

    @cached_property
    def _least_remembered(self) -> Floats:
        """The least of either look that a remembered row has, float [2]: leaving an image out may raise what it scores."""
        return np.asarray(self._looks(self.rows.astype(np.float32)).min(axis=0))

    def looks(self, features: FeatureSet) -> Floats:
        """Likeness to the most similar row and largest score, float32 [sample, 2]."""
        return self._looks(unit_rows(self.representation.matrix(features)))

    def _looks(self, seen: Floats) -> Floats:
        similarity = (2.0 * (seen @ self.rows.astype(np.float32).T) - self.commonness).max(axis=1)
        scores = linear_scores(seen, self.weight.astype(np.float32), self.bias).max(axis=1)
        return np.stack([similarity, scores], axis=1).astype(np.float32)

    def arrays(self) -> dict[str, Floats]:
        """The arrays that make it again."""
        means = {f"mean.{place}": mean for place, mean in enumerate(self.representation.means)}
        own = {"rows": self.rows, "commonness": self.commonness, "weight": self.weight, "bias": self.bias}
        return {**own, "known": self.known, **means}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> Self:
        """The one whose `arrays` these are."""
        means = tuple(arrays[f"mean.{place}"] for place in range(sum(name.startswith("mean.") for name in arrays)))
        own = (arrays[name] for name in ("rows", "commonness", "weight", "bias", "known"))
        return cls(Representation("stages", means), *own)


def fit_detector(task: Task, backbone: Backbone, held: ImageSet | None = None) -> NoveltyDetector | None:
    """What to remember of a task; labels of source and target rows are read, those of the pool and of the test are not.

    With a source, images to come are of the target: all of its images, known or not, calibrate, so that a threshold refuses
    that share of images like these, and of known ones less where others are among them.

    Args:
        task: What was learned from.
        backbone: What looks at images; where it was trained on the task's own, `held` says what it has not seen.
        held: Labeled images of the target that nothing was learned from; they calibrate instead of left-out ones.

    Returns:
        The acquaintance; None where there are fewer than two images to learn from.
    """
    labeled, source, unlabeled = task.labeled, task.source, task.unlabeled
    if source and not len(labeled) and not unlabeled:
        labeled, source = source, None
    labeled = _spaced(labeled)
    pool = concatenate(labeled, _spaced(unlabeled)) if source and unlabeled else labeled
    if len(pool) < 2:
        return None
    representation, target = _seen(pool, backbone)
    rows, labels, groups = target[: len(labeled)], labeled.labels, labeled.groups
    if source:
        others = _spaced(source)
        rows = np.concatenate([rows, _seen(others, backbone)[1]])
        labels, groups = np.concatenate([labels, others.labels]), np.concatenate([groups, others.groups])
    made = fitted(representation, target, pool.groups, LabeledImages(rows, labels, groups, len(labeled)), task.num_classes)
    return made if held is None else replace(made, known=made.looks(features_of(_spaced(held), backbone)))


class LabeledImages(NamedTuple):
    """Rows with labels.

    Attributes:
        rows: Unit length, float32 [row, feature].
        labels: int64 [row].
        groups: int64 [row].
        num_target: How many of them, the first ones, are also the first rows of the target.
    """

    rows: Floats
    labels: Integers
    groups: Integers
    num_target: int


def fitted(
    representation: Representation, target: Floats, target_groups: Integers, labeled: LabeledImages, num_classes: int
) -> NoveltyDetector:
    """The acquaintance of rows, calibrated on those of the target, each left out in turn.

    Args:
        representation: That made the target's rows.
        target: float32 [target, feature], unit length, at least two.
        target_groups: int64 [target]; a row is not compared with those of its own group.
        labeled: Rows that were learned from.
        num_classes: Of the task.

    Returns:
        The acquaintance.
    """
    rows, labels, groups, num = labeled
    fit = fit_ridge(rows, labels, num_classes, groups=groups)
    own = fit.judged[fit.judged < num]
    scores = linear_scores(target, fit.weight, fit.bias).max(axis=1)
    scores[own] = fit.loo_scores[: len(own)].max(axis=1)
    kept = evenly_spaced(len(rows), max(1, MOST_VALUES // rows.shape[1]))
    similarity, commonness = left_out_similarity(target, rows[kept], target_groups[:, None] == groups[kept])
    fair = np.concatenate([own, np.arange(num, len(target))])
    return NoveltyDetector(
        representation,
        rows=rows[kept].astype(np.float16),
        commonness=commonness.astype(np.float32),
        weight=fit.weight.astype(np.float16),
        bias=fit.bias,
        known=np.stack([similarity, scores], axis=1)[fair].astype(np.float32),
    )


def left_out_similarity(target: Floats, rows: Floats, same: Booleans) -> tuple[Floats, Floats]:
    """How like each target row is to the row that it is most like, as if it were not there itself.

    Args:
        target: Unit length, float [target, feature], at least two.
        rows: Unit length, float [row, feature].
        same: bool [target, row]: one thing, such as copies; these count as opposite to one another.

    Returns:
        As in `similarity`, where the target row is not among the nearest of any row, float [target]; and the mean cosine of each
        row with its ten nearest target rows, all considered, float [row].
    """
    cosines = np.where(same, -1.0, target @ rows.T)
    near = min(NUM_NEIGHBORS, len(target) - 1)
    top = np.sort(np.partition(cosines, len(target) - near - 1, axis=0)[-near - 1 :], axis=0)
    commonness = top[1:].mean(axis=0)
    without = np.where(cosines >= top[1], (top.sum(axis=0) - cosines) / near, commonness)
    return np.asarray((2.0 * cosines - without).max(axis=1)), np.asarray(commonness)


def _spaced(images: ImageSet) -> ImageSet:
    return images if len(images) <= MOST_ROWS else images.take(evenly_spaced(len(images), MOST_ROWS))


def _seen(images: ImageSet, backbone: Backbone) -> tuple[Representation, Floats]:
    """Unit rows, centered on themselves, and what centers them."""
    features = features_of(images, backbone)
    representation = Representation.fitted(features, "stages")
    return representation, unit_rows(representation.matrix(features))
