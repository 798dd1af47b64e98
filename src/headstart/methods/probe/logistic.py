"""Logistic: multinomial logistic regression on frozen features, penalty chosen out of fold."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.linear_algebra import rotated
from headstart.core.types import Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.logistic import fit_logistic
from headstart.heads.out_of_fold import inner_folds
from headstart.methods._probe import AugmentedProbe
from headstart.methods.heads import LinearHead


@final
class Logistic(AugmentedProbe):
    """Fits a linear head to frozen features by cross-entropy with a squared-norm penalty chosen out of fold.

    The features are rotated into the space that the rows span, where the whole path of penalties is solved by L-BFGS, each
    solution starting from the last.

    Needs: labeled rows, a few a class, for the folds that choose the penalty.
    Helps: from some hundred rows on, and where classes are unbalanced or noisy.
    Hurts: with very few rows, where ridge is as good and far quicker.

    Reference: Kornblith et al., "Do better ImageNet models transfer better?", CVPR 2019, section 3, the usual linear probe.
    Differs: several depths, a temperature, and penalties relative to the rows' squared length.
    """

    tried_by_run: ClassVar[bool] = True

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[LinearHead, float]:
        representation = Representation.fitted(features, self.blocks)
        matrix = representation.matrix(features)
        mean = matrix.mean(axis=0, dtype=np.float64)
        rows, basis = rotated(matrix - mean.astype(np.float32))
        fit = fit_logistic(np.asarray(rows), labels, num_classes, inner_folds(labels, groups, seed))
        weight = np.asarray(basis @ fit.weight, np.float32)
        return LinearHead(representation, weight, fit.bias - mean @ weight), fit.temperature
