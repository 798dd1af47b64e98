"""KernelRidge: ridge regression on a Gaussian kernel of frozen features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, final

import numpy as np

from headstart.core.linear_algebra import symmetric_eigen
from headstart.core.rows import Index, LazyRows, Rows, in_memory, taken
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats, Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.kernel_map import SMALLEST, median_square
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods._probe import Probe
from headstart.methods.heads import KernelHead

WIDTHS = (0.3, 1.0)
"""Squared kernel widths that are tried, as multiples of the median squared distance; leave-one-out decides. On raw pixels of
digits with 10 labels a class 0.3 is 1.5 points better, on those of emoji with 5 labels 1.0 is better by 0.3."""
MOST_LANDMARKS = 1_000
"""Rows whose similarity is asked: all of up to a thousand, so that the kernel is exact, a random choice of more. Their kernel's
decomposition then takes half a second, and they 4 KB each for pixels and 20 KB for stages. Chosen, not measured."""


@final
class KernelRidge(Probe):
    """Fits ridge regression to the similarities exp(-distance^2 / width) of a picture to the training rows.

    Boundaries between classes are curved, where those of ridge are straight.

    Needs: labeled rows, a few a class.
    Helps: on raw pixels, where it is the strongest closed form without a network, and from some ten rows a class on in an
        ensemble with ridge, which is wrong on other pictures.
    Hurts: with few rows a class on a network's features, where it loses to ridge; the model keeps its training rows.

    Reference: Saunders, Gammerman & Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998; Williams & Seeger,
        "Using the Nystroem method to speed up kernel machines", NeurIPS 2000, eq. 10, for more than a thousand rows.
    """

    tried_by_run: ClassVar[bool] = True
    num_solutions: ClassVar[int] = 4

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[KernelHead, float]:
        representation = Representation.fitted(features, self.blocks)
        rows = representation.rows(features)
        landmarks = np.asarray(taken(rows, random_rows(len(rows), MOST_LANDMARKS, generator_for(seed, "landmarks"))))
        median = median_square(landmarks, seed)
        fits = []
        for width in WIDTHS:
            kernel = KernelHead(representation, landmarks, 1.0 / (width * median), np.empty((0, 0)), np.empty(0))
            directions = _directions(kernel)
            mapped = in_memory(LazyRows((len(rows), directions.shape[1]), _mapping(kernel, rows, directions)))
            fits.append((fit_ridge(mapped, labels, num_classes, groups=groups), kernel, directions))
        fit, kernel, directions = min(fits, key=lambda one: one[0].loss)
        return replace(kernel, weight=directions @ fit.weight, bias=fit.bias), fit.temperature


def _directions(kernel: KernelHead) -> Floats:
    """The inverse root of the landmarks' kernel, float64 [landmark, direction]."""
    values, vectors = symmetric_eigen(kernel.similarities(kernel.landmarks))
    used = values > SMALLEST * values[-1]
    return np.asarray(vectors[:, used] / np.sqrt(values[used]))


def _mapping(kernel: KernelHead, rows: Rows, directions: Floats) -> Callable[[Index], Floats]:
    return lambda part: np.asarray(kernel.similarities(np.asarray(rows[part])) @ directions, np.float32)
