"""Accuracy: the share of right predictions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.types import Floats
from headstart.evaluation.intervals import has_clusters, percentile_interval, wilson
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class Accuracy(Metric):
    """Share of right predictions: Wilson's interval, or that of a bootstrap over groups where groups have several rows."""

    title: ClassVar[str] = "Accuracy"
    meaning: ClassVar[str] = "share of images labeled right"
    position: ClassVar[int] = 10

    def values(self, labeled: LabeledPredictions, weights: Floats) -> Floats:
        return np.asarray(weights @ labeled.predictions.correct / weights.sum(axis=1))

    def estimate(self, labeled: LabeledPredictions) -> Estimate:
        correct, groups = labeled.predictions.correct, labeled.predictions.groups
        if not has_clusters(groups):
            return wilson(float(correct.sum()), len(correct))
        value = float(correct.mean())
        if value in (0.0, 1.0):
            num_groups = len(np.unique(groups))
            return wilson(value * num_groups, num_groups)
        return percentile_interval(value, labeled.bootstrap_mean(correct, "accuracy"))
