"""KernelRidge: ridge regression on a Gaussian kernel of frozen features."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.kernel_map import median_square
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods._probe import AugmentedProbe
from headstart.methods.kernel_head import MOST_LANDMARKS, KernelHead

WIDTHS = (0.3, 1.0)
"""Squared kernel widths that are tried, as multiples of the median squared distance; leave-one-out decides. On raw pixels of
digits with 10 labels a class 0.3 is 1.5 points better, on those of emoji with 5 labels 1.0 is better by 0.3."""


@final
class KernelRidge(AugmentedProbe):
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
    row_bytes: ClassVar[int] = 4 * MOST_LANDMARKS

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[KernelHead, float]:
        representation = Representation.fitted(features, self.blocks)
        landmarks = KernelHead.landmarks_of(representation.rows(features), seed)
        median = median_square(landmarks, seed)
        fits = []
        for width in WIDTHS:
            kernel = KernelHead(representation, landmarks, 1.0 / (width * median), np.empty((0, 0)), np.empty(0))
            fits.append((fit_ridge(kernel.inputs(features), labels, num_classes, groups=groups), kernel))
        fit, kernel = min(fits, key=lambda one: one[0].loss)
        return kernel.solved(fit.weight, fit.bias), fit.temperature
