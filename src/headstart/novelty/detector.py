"""Novelty detector: conformal p-values that an image is like those a model learned from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from headstart.core.rows import linear_scores, unit_rows
from headstart.core.shapes import check_arrays, check_positive, check_range
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Booleans, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation, blocks_of
from headstart.novelty.stage_distances import StageDistances, early_places

if TYPE_CHECKING:  # to predict takes neither
    from torch import nn

    from headstart.backbones.extractor import Extractor
    from headstart.data.task import Task
    from headstart.heads.ridge_leave_one_out import RidgeFit

UNUSUAL = 0.05
"""P-value below which an image is flagged as unlike those learned from: the usual level of a test."""
NUM_NEIGHBORS = 10
"""K of Conneau et al., ICLR 2018: the neighbors whose mean similarity corrects for hubs."""
MOST_ROWS = 2_000
"""Rows of each domain that are used, evenly spaced. Bounds the time; chosen, not measured."""
MOST_VALUES = 8_000_000
"""Values kept with the model, 16 MB in half precision: 2,000 rows of every stage of EfficientNet-Lite0."""
LEAST_STD = 1e-3
"""A statistic whose standard deviation is smaller counts as constant: half precision alone causes that much, and statistics of
pictures vary by some tenths."""

AXES = {
    "rows": "row feature",
    "hubness": "row",
    "weight": "feature class",
    "bias": "class",
    "calibration": "image statistic",
}
OWN_ARRAYS = tuple(AXES)
OLD_ARRAYS = {"commonness": "hubness", "known": "calibration"}
"""Arrays that earlier versions wrote under another name."""


@dataclass(frozen=True)
class NoveltyDetector:
    """Compares three statistics of an image with those of images that were left out of the fit.

    The first is the similarity to the nearest training row, which says how far outside the training data an image lies; the
    second is the largest score of a ridge probe, which says how clearly it belongs to a class. Both compare directions alone. The
    third is how far its features lie from the usual ones in the first half of the network, which tells images of another kind
    apart; only what is unusual counts. The sum of the first two and the third are added in units of their standard deviations:
    with photographs, which vary much, the third counted in units of one of the first two finds fewer images of another kind (57 %
    instead of 45 % at the same level, EfficientNet-Lite0). The p-value of an image does not depend on others of the same call.

    Reference: Sun, Ming, Zhu & Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022, section 3 (distances
        of unit rows to training rows); Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings", ICML
        2022, section 3 (the largest score); Conneau et al., "Word translation without parallel data", ICLR 2018, section 2.3
        (cross-domain similarity local scaling); Bates et al., "Testing for outliers with conformal p-values", Annals of
        Statistics 2023, eq. 2; Lee et al., NeurIPS 2018 (see `StageDistances`).
    Differs: rows are centered on their own domain; the similarity is twice the cosine less the mean cosine of the training row
        with its ten nearest target rows, while the target row's own mean, which is to be measured, stays; calibration images are
        left out one by one instead of being set aside.

    Attributes:
        representation: Features to rows, centered on the domain of images to come.
        rows: Unit rows of training images, float16 [row, feature].
        hubness: Mean cosine of each row with the ten nearest images of that domain, float32 [row].
        weight: Of the probe, float16 [feature, class].
        bias: Of the probe, float64 [class].
        calibration: The statistics of left-out images, float32 [image, 2] without distances, else [image, 3].
        distances: Of the early stages; None in detectors of earlier versions.
    """

    representation: Representation
    rows: Floats = field(repr=False)
    hubness: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    calibration: Floats = field(repr=False)
    distances: StageDistances | None = field(repr=False, default=None)

    @property
    def least_p_value(self) -> float:
        """The lowest possible p-value: a smaller threshold rejects nothing."""
        return 1.0 / (len(self.calibration) + 1)

    def p_values(self, features: FeatureSet) -> Floats:
        """The share of left-out images whose statistic is no larger than that of each image, float64 [sample], in (0, 1].

        At most a share a of images like the left-out ones has a p-value of a or less.
        """
        totals, left_out = self.totals(self.statistics(features)), self._sorted_totals
        below = np.searchsorted(left_out, totals, side="right")
        return np.asarray((1.0 + below) / (len(left_out) + 1.0))

    def totals(self, statistics: Floats) -> Floats:
        """Directions and distances [sample, 2 or 3] together, each in standard deviations of left-out images, float [sample].

        The two statistics of directions count half each. Of distances only what is larger than usual counts.
        """
        gap = self._standardized(statistics)
        directions = gap[:, :2].sum(axis=1) / self._std_of_directions
        return np.asarray(directions + np.minimum(0.0, gap[:, 2:]).sum(axis=1))

    def _standardized(self, statistics: Floats) -> Floats:
        """Each statistic minus its mean over the left-out images, by its standard deviation over them, float [sample, 2 or 3].

        A statistic that is constant over the left-out images cannot be standardized. It counts 0 where it is as large as theirs
        or as that of any training row, else by how far it is below in units of `LEAST_STD`.
        """
        center, std = self.calibration.mean(axis=0), self.calibration.std(axis=0)
        varies = std > LEAST_STD
        gap = (statistics - center) / np.maximum(std, LEAST_STD)
        if not varies.all():
            short = (statistics - np.minimum(center, self._least_of_rows)) / LEAST_STD
            gap = np.where(varies, gap, np.where(short < -1.0, short, 0.0))
        return np.asarray(gap)

    @cached_property
    def _std_of_directions(self) -> float:
        return max(float(self._standardized(self.calibration)[:, :2].sum(axis=1).std()), LEAST_STD)

    @cached_property
    def _probe(self) -> tuple[Floats, Floats]:
        """Training rows and weight of the probe, float32: to convert them takes as long as to predict twenty pictures."""
        return self.rows.astype(np.float32), self.weight.astype(np.float32)

    @cached_property
    def _sorted_totals(self) -> Floats:
        return np.sort(self.totals(self.calibration))

    @cached_property
    def _least_of_rows(self) -> Floats:
        """The least value of each statistic over the training rows, float [2 or 3]: leaving an image out may raise its score."""
        least = self._statistics(self._probe[0]).min(axis=0)
        return np.asarray(least if self.distances is None else np.append(least, self.calibration[:, 2].min()))

    def directions_only(self) -> Self:
        """The same detector without distances."""
        return replace(self, calibration=self.calibration[:, :2], distances=None)

    def statistics(self, features: FeatureSet) -> Floats:
        """Similarity to the nearest row, largest score and, with distances, minus their deviation, float32 [sample, 2 or 3]."""
        directions = self._statistics(unit_rows(self.representation.matrix(features)))
        if self.distances is None:
            return directions
        deviations = self.distances.deviations(blocks_of(features, "stages"))
        return np.column_stack([directions, deviations]).astype(np.float32)

    def _statistics(self, rows: Floats) -> Floats:
        known, weight = self._probe
        similarity = (2.0 * (rows @ known.T) - self.hubness).max(axis=1)
        scores = linear_scores(rows, weight, self.bias).max(axis=1)
        return np.stack([similarity, scores], axis=1).astype(np.float32)

    def graph(self) -> nn.Module:
        """`p_values` as part of a graph: a module from `GraphFeatures` to float64 [sample]."""
        from headstart.novelty.detector_graph import DetectorGraph, DistancesGraph  # noqa: PLC0415

        center, std = (np.asarray(values, np.float64) for values in (self.calibration.mean(axis=0), self.calibration.std(axis=0)))
        varies = std > LEAST_STD
        return DetectorGraph(
            self.representation.graph(),
            None if self.distances is None else DistancesGraph(self.distances),
            probe=(self.rows, self.hubness, self.weight, self.bias),
            scaling=(center, np.maximum(std, LEAST_STD), center if varies.all() else np.minimum(center, self._least_of_rows)),
            varies=varies,
            least_std=LEAST_STD,
            std_of_directions=self._std_of_directions,
            left_out=self._sorted_totals,
        )

    def arrays(self) -> dict[str, Floats]:
        """Named arrays from which `from_arrays` restores the detector."""
        own = {name: getattr(self, name) for name in OWN_ARRAYS}
        stages = {} if self.distances is None else self.distances.arrays()
        distances = {f"distances.{name}": array for name, array in stages.items()}
        return own | distances | {f"mean.{place}": mean for place, mean in enumerate(self.representation.means)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> Self:
        """The detector whose `arrays` these are, of this version or an earlier one; a `ValueError` where they do not fit."""
        named = {OLD_ARRAYS.get(name, name): array for name, array in arrays.items()}
        means = tuple(named[f"mean.{place}"] for place in range(sum(name.startswith("mean.") for name in named)))
        stages = {name.removeprefix("distances."): array for name, array in named.items() if name.startswith("distances.")}
        check_arrays(named, {f"mean.{place}": f"feature.{place}" for place in range(len(means))}, {})
        sizes = check_arrays(named, AXES, {"feature": sum(map(len, means))} | ({"statistic": 3} if stages else {}))
        check_range("the width of calibration", sizes["statistic"], 2, 3)
        check_positive("the length of calibration", sizes["image"])
        rows, hubness, weight, bias, calibration = (named[name] for name in OWN_ARRAYS)
        found = cls(Representation("stages", means), rows, hubness, weight, bias, calibration)
        if not stages:
            return found.directions_only()
        return replace(found, distances=StageDistances.from_arrays(stages, tuple(map(len, means))))


def fit_detector(task: Task, backbone: Extractor, calibration: ImageSet | None = None) -> NoveltyDetector | None:
    """The detector of a task.

    Labels of source and target rows are read, those of unlabeled and test images are not. With a source, images to come are of
    the target: all of its images calibrate, known or not, so that a threshold rejects that share of images like these, and less
    of the known ones where others are among them.

    Args:
        task: What the model was fitted to.
        backbone: Frozen or trained on the task's own images; a trained one needs `calibration`.
        calibration: Labeled target images that nothing was fitted to; they replace the left-out images.

    Returns:
        None where there are fewer than two training images.
    """
    from headstart.heads.ridge_leave_one_out import fit_ridge  # noqa: PLC0415

    labeled, source, unlabeled = task.labeled, task.source, task.unlabeled
    if source and not len(labeled) and not unlabeled:
        labeled, source = source, None
    labeled = labeled.spaced(MOST_ROWS)
    pool = concatenate(labeled, unlabeled.spaced(MOST_ROWS)) if source and unlabeled else labeled
    if len(pool) < 2:
        return None
    features = features_of(pool, backbone)
    representation = Representation.fitted(features, "stages")
    target = unit_rows(representation.matrix(features))
    rows, labels, groups = target[: len(labeled)], labeled.labels, labeled.groups
    if source:
        others = source.spaced(MOST_ROWS)
        rows = np.concatenate([rows, _centered_unit_rows(others, backbone)])
        labels, groups = np.concatenate([labels, others.labels]), np.concatenate([groups, others.groups])
    fit = fit_ridge(rows, labels, task.num_classes, groups=groups)
    stored = evenly_spaced(len(rows), max(1, MOST_VALUES // rows.shape[1]))
    same = pool.groups[:, None] == groups[stored]
    distances, deviations = StageDistances.fitted(blocks_of(features, "stages"), early_places(features), pool.groups)
    detector = _calibrated(representation, fit, target, rows[stored], same, len(labeled))
    fair = _fair(fit, len(labeled), len(target))
    calibrated = np.column_stack([detector.calibration, deviations[fair]]).astype(np.float32)
    detector = replace(detector, calibration=calibrated, distances=distances)
    if calibration is None:
        return detector
    return replace(detector, calibration=detector.statistics(features_of(calibration.spaced(MOST_ROWS), backbone)))


def _calibrated(
    representation: Representation, fit: RidgeFit, target: Floats, rows: Floats, same: Booleans, num: int
) -> NoveltyDetector:
    """The detector with those rows, calibrated on target rows, each left out in turn.

    The first `num` rows of the target are those of the fit, too; `same` is as in `left_out_similarity`.
    """
    own = _own(fit, num)
    scores = linear_scores(target, fit.weight, fit.bias).max(axis=1)
    scores[own] = fit.loo_scores[: len(own)].max(axis=1)
    similarity, hubness = left_out_similarity(target, rows, same)
    fair = _fair(fit, num, len(target))
    return NoveltyDetector(
        representation,
        rows=rows.astype(np.float16),
        hubness=hubness.astype(np.float32),
        weight=fit.weight.astype(np.float16),
        bias=fit.bias,
        calibration=np.stack([similarity, scores], axis=1)[fair].astype(np.float32),
    )


def _own(fit: RidgeFit, num: int) -> Integers:
    """The target rows among the first `num` that the fit leaves out one by one, int64 [row]."""
    return np.asarray(fit.loo_rows[fit.loo_rows < num], np.int64)


def _fair(fit: RidgeFit, num: int, num_target: int) -> Integers:
    """The target rows that calibrate: those left out, and those that are not of the fit, int64 [row]."""
    return np.concatenate([_own(fit, num), np.arange(num, num_target)])


def left_out_similarity(target: Floats, rows: Floats, same: Booleans) -> tuple[Floats, Floats]:
    """Similarity of each target row to its nearest row as if the target row were absent, and the hubness of each row.

    Args:
        target: Unit length, float [target, feature], at least two rows.
        rows: Unit length, float [row, feature].
        same: bool [target, row]: copies of one image; these count as opposite to one another.

    Returns:
        2 cosine - hubness of the nearest row, where the target row does not count for the hubness, float [target]; and the mean
        cosine of each row with its ten nearest target rows, float [row].
    """
    cosines = np.where(same, -1.0, target @ rows.T)
    near = min(NUM_NEIGHBORS, len(target) - 1)
    top = np.sort(np.partition(cosines, len(target) - near - 1, axis=0)[-near - 1 :], axis=0)
    hubness = top[1:].mean(axis=0)
    without = np.where(cosines >= top[1], (top.sum(axis=0) - cosines) / near, hubness)
    return np.asarray((2.0 * cosines - without).max(axis=1)), np.asarray(hubness)


def _centered_unit_rows(images: ImageSet, backbone: Extractor) -> Floats:
    features = features_of(images, backbone)
    return unit_rows(Representation.fitted(features, "stages").matrix(features))
