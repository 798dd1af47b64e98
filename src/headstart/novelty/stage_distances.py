"""Stage distances: how far the features of an image lie from those of known images in the first half of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from headstart.core.rows import Rows
from headstart.core.shapes import check_arrays, check_positive, check_range
from headstart.core.types import Floats, Integers
from headstart.features.feature_set import FeatureSet

PENALTY = 0.1
"""Added to every direction's sum of squares, in units of the mean squared length of a row: a tenth of an image in each direction.
With fewer images than features it is what keeps distances finite; values from 0.01 to 0.3 give the same AUROC within 0.002."""
MOST_VALUES = 4_000_000
"""Values of all factors together, 8 MB in half precision; of wider networks the deeper stages are left out."""
LEAST_LENGTH = 1e-6
"""Floor of the root mean squared length of the rows of a block, which distances are relative to."""
LEAST_DISTANCE = 1e-6
"""Floor of a squared distance, whose logarithm is taken: images that equal the mean of the known ones have distance 0."""
LEAST_STD = 1e-2
"""Floor of the standard deviation of the logarithms, which is some tenths among pictures."""


@dataclass(frozen=True)
class StageDistances:
    """Regularized Mahalanobis distances of the stages' means and standard deviations from those of known images.

    The early stages of a network show what the last ones no longer do, such as contrast, color and texture: what kind of picture
    it is. One normal distribution a block takes all classes together, so that few labels suffice.

    Reference: Lee, Lee, Lee & Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
        Attacks", NeurIPS 2018, section 2.2 (distances at every depth, combined); Kamoi & Kobayashi, "Why is the Mahalanobis
        Distance Effective for Anomaly Detection?", 2020, section 4 (one distribution for all classes).
    Differs: the covariance is regularized; logarithms of the distances are standardized by those of known images, each left out
        of mean and covariance, and their excesses are combined by the root mean square instead of a regression on strangers.

    Attributes:
        places: Which blocks of the "stages" representation, int64 [block].
        means: float32 [feature] per block.
        factors: float16 [feature, feature] per block: the squared length of a centered row, divided by its scale, times the
            factor is its squared distance.
        scales: Root mean squared length of the centered known rows, float64 [block].
        centers: Mean logarithm of the squared distances of left-out known images, float64 [block].
        stds: Its standard deviation, float64 [block].
    """

    places: Integers
    means: tuple[Floats, ...] = field(repr=False)
    factors: tuple[Floats, ...] = field(repr=False)
    scales: Floats = field(repr=False)
    centers: Floats = field(repr=False)
    stds: Floats = field(repr=False)

    def deviations(self, blocks: Sequence[Rows]) -> Floats:
        """Minus the root mean square of how far logarithms of distances exceed their usual ones, float64 [sample].

        Args:
            blocks: Those of the "stages" representation, float [sample, feature] each; no others are read than `places` names.

        Returns:
            In standard deviations of left-out known images; distances below the usual ones count as 0.
        """
        logs = np.stack([self._logs(index, blocks[place]) for index, place in enumerate(self.places)], axis=1)
        return _combined((logs - self.centers) / self.stds)

    def _logs(self, index: int, block: Rows) -> Floats:
        return _logs(_squares(_projected(block, self.means[index], float(self.scales[index]), self._factors[index])))

    @cached_property
    def _factors(self) -> tuple[Floats, ...]:
        """The factors, float32: converted once, as that takes as long as to predict many pictures."""
        return tuple(factor.astype(np.float32) for factor in self.factors)

    def arrays(self) -> dict[str, Any]:
        """Named arrays from which `from_arrays` restores the distances."""
        means = {f"mean.{index}": mean for index, mean in enumerate(self.means)}
        factors = {f"factor.{index}": factor for index, factor in enumerate(self.factors)}
        return {"places": self.places, "scales": self.scales, "centers": self.centers, "stds": self.stds, **means, **factors}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], widths: Sequence[int]) -> Self:
        """The distances whose `arrays` these are, of blocks so wide; a `ValueError` where they do not fit."""
        num = check_arrays(arrays, dict.fromkeys(("places", "scales", "centers", "stds"), "block"), {})["block"]
        check_range("places", arrays["places"], 0, len(widths) - 1)
        own = {f"feature.{index}": widths[place] for index, place in enumerate(arrays["places"].tolist())}
        axes = {f"mean.{index}": f"feature.{index}" for index in range(num)}
        axes |= {f"factor.{index}": f"feature.{index} feature.{index}" for index in range(num)}
        check_arrays(arrays, axes, own)
        for name in ("scales", "stds"):
            check_positive(name, arrays[name])
        means, factors = (tuple(arrays[f"{name}.{index}"] for index in range(num)) for name in ("mean", "factor"))
        return cls(arrays["places"], means, factors, arrays["scales"], arrays["centers"], arrays["stds"])

    @classmethod
    def fitted(cls, blocks: Sequence[Rows], places: Integers, groups: Integers) -> tuple[Self, Floats]:
        """The distances from known rows, and the deviation of each of these when it is left out, float64 [sample].

        Args:
            blocks: Those of the "stages" representation of known images, float [sample, feature] each.
            places: Which of them to use, int64 [block].
            groups: int64 [sample]; copies of an image have one group and are left out together.

        Returns:
            The distances and the deviations.
        """
        means, factors, scales, logs = zip(
            *(_fitted(np.asarray(blocks[place], np.float32), groups) for place in places), strict=True
        )
        left_out = np.stack(logs, axis=1)
        centers, stds = left_out.mean(axis=0), np.maximum(left_out.std(axis=0), LEAST_STD)
        return cls(places, means, factors, np.array(scales), centers, stds), _combined((left_out - centers) / stds)


def early_places(features: FeatureSet) -> Integers:
    """The blocks of the "stages" representation that distances are taken of, int64 [block].

    Means and standard deviations of the first half of the stages, as far as their factors have room.
    """
    num_stages, values, places = len(features.stages), 0, list[int]()
    for stage in range((num_stages + 1) // 2):
        width = features.stages[stage].shape[1]
        own = [stage, num_stages + stage] if stage < len(features.stds) else [stage]
        values += len(own) * width**2
        if places and values > MOST_VALUES:
            break
        places += own
    return np.array(places, np.int64)


def _combined(standardized: Floats) -> Floats:
    return np.asarray(-np.sqrt((np.maximum(standardized, 0.0) ** 2).mean(axis=1)))


def _logs(squares: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(squares, LEAST_DISTANCE)))


def _squares(projected: Floats) -> Floats:
    return np.asarray((projected.astype(np.float64) ** 2).sum(axis=1))


def _projected(block: Rows, mean: Floats, scale: float, factor: Floats) -> Floats:
    centered = (np.asarray(block, np.float32) - mean) / np.float32(scale)
    return np.asarray(centered @ factor)


def _fitted(block: Floats, groups: Integers) -> tuple[Floats, Floats, float, Floats]:
    """Mean, factor and scale of a block, and the logarithm of each row's squared distance when it is left out."""
    mean = block.mean(axis=0, dtype=np.float64).astype(np.float32)
    centered = block - mean
    scale = max(float(np.sqrt((centered.astype(np.float64) ** 2).sum(axis=1).mean())), LEAST_LENGTH)
    scaled = centered / np.float32(scale)
    scatter = (scaled.T @ scaled).astype(np.float64)
    lower = np.linalg.cholesky(scatter + PENALTY * np.eye(len(scatter)))
    factor = np.ascontiguousarray(np.linalg.inv(lower).T, np.float32)
    return mean, factor.astype(np.float16), scale, _logs(left_out_squares(scaled @ factor, groups))


def left_out_squares(projected: Floats, groups: Integers) -> Floats:
    """Squared distances of rows from mean and covariance without their group, float64 [sample].

    With z the rows times the factor and H = 1/n + z z' the leverages of a fit with an intercept, those of a group as new rows of
    a fit to the others are H (1 - H)^-1, of which 1/(n - size of the group) is the intercept's share.

    Args:
        projected: Centered rows times the factor, float [sample, feature].
        groups: int64 [sample]. Where all rows are of one group, each row is a group.

    Returns:
        The squared distances.
    """
    rows, num = projected.astype(np.float64), len(projected)
    leverages = 1 / num + _squares(rows)
    found = leverages / np.maximum(1 - leverages, LEAST_DISTANCE) - 1 / (num - 1)
    names, sizes = np.unique(groups, return_counts=True)
    for name in names[(sizes > 1) & (sizes < num)]:
        own = np.flatnonzero(groups == name)
        joint = 1 / num + rows[own] @ rows[own].T
        found[own] = np.diagonal(np.linalg.solve(np.eye(len(own)) - joint, joint)) - 1 / (num - len(own))
    return np.asarray(found)
