"""Metrics: every number of an evaluation, each with its 95 % interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from headstart.core.estimate import Estimate
from headstart.core.evaluation import ClassRow, Confusion
from headstart.core.predictions import Predictions
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.evaluation.calibration import calibration_error
from headstart.evaluation.intervals import bootstrap, has_clusters, mean_of_proportions, percentile_interval, wilson

DRAWS = 1_000
"""Bootstrap draws of an interval: its ends are then good to about a tenth of its width."""


@dataclass(frozen=True)
class ClassCounts:
    """Right predictions, images and predictions of each class; each float64 [draw, class]."""

    right: Floats
    support: Floats
    predicted: Floats

    @property
    def precision(self) -> Floats:
        """Share of a class's predictions that are right; 0 where it was never predicted."""
        return self.right / np.maximum(self.predicted, 1)

    @property
    def recall(self) -> Floats:
        """Share of a class's images that are found; 0 where it has none."""
        return self.right / np.maximum(self.support, 1)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall; 0 where both are."""
        return 2 * self.right / np.maximum(self.support + self.predicted, 1)


def metrics_of(predictions: Predictions) -> dict[str, Estimate]:
    """Every metric by name.

    Macro averages are over the classes that have images; `auroc` is the macro average of one class against the rest and is
    left out when only one class has images.

    Args:
        predictions: Rows whose labels are all known; at least one.

    Returns:
        accuracy, balanced_accuracy, macro_precision, macro_recall, macro_f1, log_loss, ece, ece_before_temperature and auroc.
    """
    labels, groups = predictions.labels, predictions.groups
    found = {"accuracy": accuracy(predictions), **_macros(predictions)}
    found["log_loss"] = _log_loss(predictions)
    for name, probs in (("ece", predictions.probs), ("ece_before_temperature", predictions.raw_probs)):
        found[name] = calibration_error(probs, labels, groups, DRAWS, generator_for(0, "intervals", name))
    area = auroc(predictions)
    return found if area is None else {**found, "auroc": area}


def accuracy(predictions: Predictions) -> Estimate:
    """Share of right predictions: Wilson's interval, or that of a bootstrap over groups where groups have several rows."""
    correct = predictions.correct
    if not has_clusters(predictions.groups):
        return wilson(float(correct.sum()), len(correct))
    value = float(correct.mean())
    if value in (0.0, 1.0):
        num_groups = len(np.unique(predictions.groups))
        return wilson(value * num_groups, num_groups)
    draws = _bootstrap(predictions, lambda weights: weights @ correct / weights.sum(axis=1), "accuracy")
    return percentile_interval(value, draws)


def auroc(predictions: Predictions) -> Estimate | None:
    """Area under the ROC curve, one class against the rest, averaged over classes; None when only one class has images.

    The interval resamples each row's share in the area (DeLong's components) instead of the curve: one matrix product.

    Args:
        predictions: Rows whose labels are all known.

    Returns:
        The area with its interval.

    Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988, eqs. 4-6.
    Differs: components of all classes are averaged before resampling, so that classes may share rows.
    """
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
    draws = value + _bootstrap(predictions, lambda weights: weights @ shares / weights.sum(axis=1), "auroc")
    return percentile_interval(value, np.clip(draws, 0, 1))


def _components(scores: Floats, positive: Booleans) -> Floats:
    """For a positive row the share of negatives below it, for a negative row the share of positives above it; ties half."""
    ranks = rankdata(scores)
    own = np.empty(len(scores))
    own[positive], own[~positive] = rankdata(scores[positive]), rankdata(scores[~positive])
    others = ranks - own
    num_positive = int(positive.sum())
    return np.asarray(np.where(positive, others / (len(scores) - num_positive), 1 - others / num_positive))


def per_class_of(predictions: Predictions) -> tuple[ClassRow, ...]:
    """One row a class, in label order: precision, recall and F1 with their intervals.

    F1 is 2 J / (1 + J) with J the right predictions over all rows that are of the class or predicted as it, a proportion; its
    interval is Wilson's interval of J, so transformed. Where groups have several rows all intervals are bootstrapped over groups.

    Args:
        predictions: Rows whose labels are all known.

    Returns:
        The rows.
    """
    counts = _counts(predictions, np.ones((1, len(predictions))))
    draws = _counts_drawn(predictions) if has_clusters(predictions.groups) else None
    rows = []
    for label, name in enumerate(predictions.classes):
        right, support, predicted = (float(part[0, label]) for part in (counts.right, counts.support, counts.predicted))
        union = _proportion(right, support + predicted - right)
        ends = {
            "precision": _proportion(right, predicted),
            "recall": _proportion(right, support),
            "f1": Estimate(**{end: 2 * share / (1 + share) for end, share in union.to_dict().items()}),
        }
        if draws is not None:
            ends = {key: percentile_interval(end.value, getattr(draws, key)[:, label]) for key, end in ends.items()}
        values = {key: end.value for key, end in ends.items()}
        lows = {f"{key}_low": end.low for key, end in ends.items()}
        highs = {f"{key}_high": end.high for key, end in ends.items()}
        rows.append(ClassRow.model_validate({"class": name, "support": round(support), **values, **lows, **highs}))
    return tuple(rows)


def confusion_of(predictions: Predictions) -> Confusion:
    """Number of images by true class and predicted class."""
    width = len(predictions.classes)
    cells = np.bincount(predictions.labels * width + predictions.predicted, minlength=width * width)
    return Confusion(classes=predictions.classes, counts=tuple(tuple(row) for row in cells.reshape(width, width).tolist()))


def _macros(predictions: Predictions) -> dict[str, Estimate]:
    """Macro averages; ends are never nearer than those recovered from the classes' own intervals, which see no luck in 20/20."""
    present = np.bincount(predictions.labels, minlength=len(predictions.classes)) > 0
    one, drawn = _counts(predictions, np.ones((1, len(predictions)))), _counts_drawn(predictions)
    rows = [row for row, here in zip(per_class_of(predictions), present, strict=True) if here]
    found = {}
    for name, key in (
        ("balanced_accuracy", "recall"),
        ("macro_precision", "precision"),
        ("macro_recall", "recall"),
        ("macro_f1", "f1"),
    ):
        value = float(getattr(one, key)[0, present].mean())
        sampled = percentile_interval(value, getattr(drawn, key)[:, present].mean(axis=1))
        parts = [Estimate(value=getattr(r, key), low=getattr(r, f"{key}_low"), high=getattr(r, f"{key}_high")) for r in rows]
        recovered = mean_of_proportions(parts)
        found[name] = Estimate(value=value, low=min(sampled.low, recovered.low), high=max(sampled.high, recovered.high))
    return found


def _log_loss(predictions: Predictions) -> Estimate:
    losses, generator = predictions.log_losses, generator_for(0, "intervals", "log_loss")
    draws = bootstrap(lambda weights: weights @ losses / weights.sum(axis=1), predictions.groups, None, DRAWS, generator)
    return percentile_interval(float(losses.mean()), draws)


def _bootstrap(predictions: Predictions, statistic: Callable[[Floats], Floats], purpose: str) -> Floats:
    return bootstrap(statistic, predictions.groups, predictions.labels, DRAWS, generator_for(0, "intervals", purpose))


def _proportion(successes: float, total: float) -> Estimate:
    return wilson(successes, total) if total else Estimate(value=0.0, low=0.0, high=1.0)


def _counts(predictions: Predictions, weights: Floats) -> ClassCounts:
    width, hits = len(predictions.classes), np.flatnonzero(predictions.correct)
    return ClassCounts(
        _sums(weights[:, hits], predictions.labels[hits], width),
        _sums(weights, predictions.labels, width),
        _sums(weights, predictions.predicted, width),
    )


def _counts_drawn(predictions: Predictions) -> ClassCounts:
    def stacked(weights: Floats) -> Floats:
        counts = _counts(predictions, weights)
        return np.stack([counts.right, counts.support, counts.predicted], axis=1)

    drawn = _bootstrap(predictions, stacked, "classes")
    return ClassCounts(drawn[:, 0], drawn[:, 1], drawn[:, 2])


def _sums(weights: Floats, keys: Integers, width: int) -> Floats:
    """Weights summed by key, float64 [draw, width]."""
    order = np.argsort(keys, kind="stable")
    present, starts = np.unique(keys[order], return_index=True)
    sums = np.zeros((len(weights), width))
    if len(present):
        sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums
