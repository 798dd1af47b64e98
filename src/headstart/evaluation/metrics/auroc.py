"""AUROC: area under the ROC curve."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.types import Booleans, Floats
from headstart.evaluation.intervals import percentile_interval
from headstart.evaluation.labeled_predictions import LabeledPredictions
from headstart.evaluation.metrics.base import Metric


class AUROC(Metric):
    """Area under the ROC curve, one class against the rest, averaged over classes; None when only one class has images.

    The interval resamples each row's share in the area (DeLong's components) instead of the curve: one matrix product.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988, eqs. 4-6.
    Differs: components of all classes are averaged before resampling, so that classes may share rows.
    """

    title: ClassVar[str] = "AUROC"
    meaning: ClassVar[str] = "one class against the rest, mean"
    is_share: ClassVar[bool] = False
    position: ClassVar[int] = 90

    def values(self, labeled: LabeledPredictions, weights: Floats) -> Floats:
        predictions = labeled.predictions
        areas = np.stack([
            _areas(predictions.probs[:, label], predictions.labels == label, weights)
            for label in range(len(predictions.classes))
        ])  # fmt: skip
        known = ~np.isnan(areas)
        return np.asarray(np.where(known, areas, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))

    def estimate(self, labeled: LabeledPredictions) -> Estimate | None:
        predictions = labeled.predictions
        areas, shares = [], np.zeros(len(predictions))
        for label in range(len(predictions.classes)):
            positive = predictions.labels == label
            if not 0 < positive.sum() < len(positive):
                continue
            component = _components(predictions.probs[:, label], positive)
            area = float(component[positive].mean())
            share = np.where(positive, len(positive) / positive.sum(), len(positive) / (~positive).sum())
            shares += share * (component - area)
            areas.append(area)
        if not areas:
            return None
        value, shares = float(np.mean(areas)), shares / len(areas)
        draws = value + labeled.bootstrap_mean(shares, "auroc")
        return percentile_interval(value, np.clip(draws, 0, 1))


def _areas(scores: Floats, positive: Booleans, weights: Floats) -> Floats:
    """The area under one class's curve for each line of weights [draw, sample], float64 [draw]; ties count half."""
    order = np.argsort(scores, kind="stable")
    own = (weights * positive)[:, order]
    others = (weights * ~positive)[:, order]
    below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(others, axis=1)], axis=1)
    ranked = scores[order]
    first, last = np.searchsorted(ranked, ranked, side="left"), np.searchsorted(ranked, ranked, side="right")
    pairs = own.sum(axis=1) * others.sum(axis=1)
    wins = (own * (below[:, first] + below[:, last]) / 2).sum(axis=1)
    return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan)


def _components(scores: Floats, positive: Booleans) -> Floats:
    """For a positive row the share of negatives below it, for a negative row the share of positives above it; ties half."""
    from scipy.stats import rankdata  # noqa: PLC0415  takes half a second

    ranks = rankdata(scores)
    own = np.empty(len(scores))
    own[positive], own[~positive] = rankdata(scores[positive]), rankdata(scores[~positive])
    others = ranks - own
    num_positive = int(positive.sum())
    return np.asarray(np.where(positive, others / (len(scores) - num_positive), 1 - others / num_positive))
