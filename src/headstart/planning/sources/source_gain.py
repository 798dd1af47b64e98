"""Source gain: what the rows of a source add to a target's own labels, on left-out target rows."""

from __future__ import annotations

import numpy as np

from headstart.core.predictions import Predictions
from headstart.core.types import Integers
from headstart.evaluation.compare import Paired, compare
from headstart.heads.class_statistics import has_mates
from headstart.heads.ridge_leave_one_out import RidgeFit
from headstart.planning.sources.domain_features import DomainFeatures
from headstart.shift.joint_ridge import Labeled, leave_target_out

WEIGHTS = (1.0, 0.1)
"""The weights of a source row that are compared, a target row weighing 1. Chosen, not measured."""
FEWEST_LEFT_OUT = 10
"""The least number of target rows of classes with two rows for which left-out rows decide. Chosen, not measured."""


def rows_that_decide(target: Labeled) -> Integers:
    """The target rows whose class other rows show, int64; none where they are too few, or of one class only."""
    fair = np.flatnonzero(has_mates(target.labels, target.groups))
    enough = len(fair) >= FEWEST_LEFT_OUT and len(np.unique(target.labels[fair])) > 1
    return fair if enough else fair[:0]


def best_weight(
    domains: DomainFeatures, given: list[tuple[Labeled, float]], source: Labeled, fair: Integers
) -> tuple[float, RidgeFit]:
    """The weight of a further source's rows that predicts the left-out target rows best, and the fit with it."""
    found = [
        (weight, leave_target_out(domains.target, [*given, (source, weight)], domains.num_classes, fair)) for weight in WEIGHTS
    ]
    return min(found, key=lambda one: one[1].loss)


def gain_of(domains: DomainFeatures, after: RidgeFit, before: RidgeFit, fair: Integers) -> Paired:
    """One fit against another on those target rows, each left out."""

    def predictions(left: RidgeFit) -> Predictions:
        classes = tuple(str(label) for label in range(domains.num_classes))
        names, probs, target = tuple(str(row) for row in fair), left.loo_probs[fair], domains.target
        return Predictions(names, classes, target.labels[fair], probs, probs, target.groups[fair])

    return compare(predictions(after), predictions(before), domains.seed)


def accuracy_of(left: RidgeFit, labels: Integers, rows: Integers | slice = slice(None)) -> float:
    """Accuracy on those rows, each left out."""
    return float((left.loo_scores[rows].argmax(axis=1) == labels[rows]).mean())
