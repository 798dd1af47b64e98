"""Mean average precision of labels."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from headstart.core.types import Floats
from headstart.multioutput.metrics.base import OutputMetric
from headstart.multioutput.predictions import OutputPredictions


@final
class MeanAveragePrecision(OutputMetric):
    """Average precision of each class, averaged over the classes that an image shows.

    Reference: Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010, section 4.2; without interpolation, as
        scikit-learn's `average_precision_score`.
    """

    kind: ClassVar[str] = "several_labels"
    title: ClassVar[str] = "mAP"
    meaning: ClassVar[str] = "mean average precision of the classes"
    position: ClassVar[int] = 10

    def values(self, predictions: OutputPredictions, weights: Floats) -> Floats:
        per_class = np.stack(
            [
                average_precision(predictions.values[:, one], predictions.targets[:, one], weights)
                for one in range(len(predictions.outputs))
            ]
        )
        known = ~np.isnan(per_class)
        return np.asarray(np.where(known, per_class, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))


def average_precision(values: Floats, targets: Floats, weights: Floats) -> Floats:
    """The average precision of one class for each line of weights [draw, sample], float64 [draw]; nan without an image of it.

    Images of equal value are taken together.
    """
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(values[order][1:] < values[order][:-1], True))
    right = np.cumsum(weights[:, order] * targets[order], axis=1)[:, ends]
    taken = np.cumsum(weights[:, order], axis=1)[:, ends]
    precision = right / np.maximum(taken, 1e-12)
    gained = np.diff(right, axis=1, prepend=0.0)
    total = right[:, -1]
    return np.asarray(np.where(total > 0, (precision * gained).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan))
