"""NearestMean: nearest class mean of centered unit-length features (SimpleShot)."""

from __future__ import annotations

from typing import final

import numpy as np

from headstart.core.rows import Rows, linear_scores, squared_lengths
from headstart.core.types import Booleans, Floats, Integers
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation
from headstart.heads.class_statistics import class_means, with_absent_classes
from headstart.heads.temperature import fit_temperature
from headstart.methods._probe import Probe
from headstart.methods.heads import LinearHead

PRIOR_TEMPERATURE = 0.1
"""For one row a class, where nothing can be left out: rows of unit length are rarely further apart than a few tenths."""


@final
class NearestMean(Probe):
    """Assigns a picture to the class whose mean is nearest among centered features of unit length.

    A mean is estimated from one row already, so that this is hard to beat with one or two rows a class.

    Needs: labeled rows, one a class suffices.
    Helps: with one or two rows a class, and when classes come and go.
    Hurts: with more rows, where ridge and LDA use the covariance, too.

    Reference: Wang et al., "SimpleShot: revisiting nearest-neighbor classification for few-shot learning", arXiv 1911.04623,
        section 3 (CL2N).
    Differs: each stage is centered and scaled on its own; the temperature is fitted to scores by means without the row.

    Attributes:
        blocks: What the head sees; all stages by default, which beat the penultimate layer by 2 to 8 points on small sets.
    """

    blocks: Blocks = "stages"

    def head_of(
        self, features: FeatureSet, labels: Integers, num_classes: int, groups: Integers | None = None, seed: int = 0
    ) -> tuple[LinearHead, float]:
        representation = Representation.fitted(features, self.blocks)
        rows = representation.rows(features)
        means = class_means(rows, labels, num_classes)
        present = np.unique(labels)
        lowest = -2.0 * len(representation.means)
        weight, bias = with_absent_classes(
            means[present].T, -0.5 * (means[present] ** 2).sum(axis=1), present, num_classes, lowest
        )
        scores, has_mate = _left_out(rows, labels, weight, bias)
        temperature = fit_temperature(scores[has_mate], labels[has_mate]) if has_mate.any() else PRIOR_TEMPERATURE
        return LinearHead(representation, np.asarray(weight, np.float32), bias), temperature


def _left_out(rows: Rows, labels: Integers, weight: Floats, bias: Floats) -> tuple[Floats, Booleans]:
    """Scores with each row taken out of its own class's mean, and which rows have a class mate.

    The mean without the row is (n m - x) / (n - 1), so that its score needs only x.m, m.m and x.x.
    """
    scores = linear_scores(rows, weight, bias)
    counts = np.bincount(labels, minlength=len(bias))[labels].astype(np.float64)
    has_mate = counts > 1
    mine = np.arange(len(labels))
    lengths = squared_lengths(rows)
    inner = scores[mine, labels] - bias[labels]
    squared = -2.0 * bias[labels]
    others = np.maximum(counts - 1.0, 1.0)
    moved_inner = (counts * inner - lengths) / others
    moved_squared = (counts**2 * squared - 2 * counts * inner + lengths) / others**2
    scores[mine, labels] = moved_inner - 0.5 * moved_squared
    return scores, has_mate
