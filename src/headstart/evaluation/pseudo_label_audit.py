"""Pseudo-label audit: how precise a model's predictions for unlabeled images are as labels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.optimize import nnls

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, renamed
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.intervals import wilson

CONFIDENCES = (0.95, 0.8, 0.5, 0.0)
"""The thresholds of FixMatch and of UDA, the majority, and none."""
DRAWS = 2_000
LEVEL = 0.01
"""Below this p-value class shares are reported to differ: by chance in one audit of a hundred."""


class ConfidenceLevel(Record):
    """Predictions of at least one confidence.

    Attributes:
        confidence: Least probability of the likeliest class.
        num_held_out: Number of held-out labeled rows that are predicted so.
        precision: Share of these that are right; None where there are none.
        pool_share: Share of the unlabeled rows that are predicted so.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("num_held", "num_held_out"),)
    confidence: float
    num_held_out: int
    precision: Estimate | None
    pool_share: float


class ClassShares(Record):
    """How frequent a class is.

    Attributes:
        name: The class.
        labeled: Its share of the held-out labeled rows.
        predicted: Share of the unlabeled rows that are predicted as it.
        corrected: Its share of the unlabeled rows, corrected for the errors made on labeled ones.
    """

    name: str
    labeled: float
    predicted: float
    corrected: float


class PseudoLabelAudit(Record):
    """How precise pseudo-labels are, and whether class shares differ between labeled and unlabeled rows.

    Attributes:
        num_held_out: Number of labeled rows predicted by models that were not fitted on them.
        num_pool: Number of unlabeled rows predicted.
        levels: By falling confidence.
        classes: In label order.
        drift: Half the sum of absolute differences between labeled and corrected shares, in [0, 1]; unreliable for rare classes
            where labeled rows are few.
        p_value: Of the hypothesis that predicted classes are as frequent among unlabeled as among labeled rows.
        sentence: Both in words.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("num_held", "num_held_out"),)
    num_held_out: int
    num_pool: int
    levels: tuple[ConfidenceLevel, ...]
    classes: tuple[ClassShares, ...]
    drift: float
    p_value: float
    sentence: str


def pseudo_label_audit(
    pool_probs: Floats, held_out_probs: Floats, held_out_labels: Integers, classes: tuple[str, ...], seed: int = 0
) -> PseudoLabelAudit:
    """Precision of confident predictions on held-out labeled rows, and the difference of class shares to unlabeled rows.

    Predictions for unlabeled rows may come from a model fitted on all labeled rows, those for labeled rows from fits without
    them. Rows count as independent.

    Args:
        pool_probs: Calibrated probabilities of unlabeled rows, float [row, class]; at least one row.
        held_out_probs: The same of labeled rows that the model was not fitted on, float [sample, class]; at least one.
        held_out_labels: Labels of these, int64 [sample].
        classes: Names in label order.
        seed: Seed of the p-value's draws.

    Returns:
        The audit.
    """
    num_classes = len(classes)
    labeled = np.bincount(held_out_labels, minlength=num_classes) / len(held_out_labels)
    predicted = np.bincount(pool_probs.argmax(axis=1), minlength=num_classes)
    corrected = corrected_shares(pool_probs, held_out_probs, held_out_labels)
    levels = tuple(_level(confidence, pool_probs, held_out_probs, held_out_labels) for confidence in CONFIDENCES)
    shares = tuple(
        ClassShares(name=name, labeled=before, predicted=share, corrected=after)
        for name, before, share, after in zip(
            classes, labeled.tolist(), (predicted / len(pool_probs)).tolist(), corrected.tolist(), strict=True
        )
    )
    p_value = same_shares_p_value(np.bincount(held_out_probs.argmax(axis=1), minlength=num_classes), predicted, seed)
    return PseudoLabelAudit(
        num_held_out=len(held_out_labels),
        num_pool=len(pool_probs),
        levels=levels,
        classes=shares,
        drift=float(np.abs(labeled - corrected).sum() / 2),
        p_value=p_value,
        sentence=f"{_about_precision(levels[0], len(pool_probs))} {_about_shares(shares, p_value)}",
    )


def corrected_shares(pool_probs: Floats, held_out_probs: Floats, held_out_labels: Integers) -> Floats:
    """Class shares of the unlabeled rows, float64 [class] with sum 1, by black-box shift estimation.

    They solve mean prediction = sum over classes y of w_y P(y) E[prediction | y] with w not negative. A class without held-out
    rows gets 0.

    Reference: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors" (BBSE), ICML 2018,
        section 4, with probabilities in place of hard predictions as in its appendix.
    Differs: non-negative least squares in place of the inverse, which gives negative shares where labeled rows are few.
    """
    num_classes = held_out_probs.shape[1]
    counts = np.bincount(held_out_labels, minlength=num_classes)
    sums = np.zeros((num_classes, num_classes))
    np.add.at(sums, held_out_labels, held_out_probs)
    means = sums / np.maximum(counts, 1)[:, None]
    shares, _ = nnls(means.T, pool_probs.mean(axis=0).astype(np.float64))
    total = shares.sum()
    return np.asarray(shares / total if total > 0 else counts / counts.sum())


def same_shares_p_value(held_out: Integers, pool: Integers, seed: int) -> float:
    """The p-value of equal class shares of two samples, from their counts [class], by a permutation test of chi-square.

    In (0, 1]; exact but for the number of draws, whatever the counts.
    """
    both = held_out + pool
    present = both > 0
    expected = held_out.sum() * both[present] / both.sum()
    scale = expected * pool.sum() / both.sum()

    def statistic(counts: Integers) -> Floats:
        return np.asarray(((counts - expected) ** 2 / scale).sum(axis=-1))

    draw = generator_for(seed, "pseudo-label audit")
    drawn = draw.multivariate_hypergeometric(both[present], int(held_out.sum()), size=DRAWS, method="marginals")
    # Equal statistics differ in their last digits.
    reached = int((statistic(drawn) >= statistic(held_out[present]) * (1 - 1e-9)).sum())
    return (1 + reached) / (1 + DRAWS)


def _level(confidence: float, pool_probs: Floats, held_out_probs: Floats, held_out_labels: Integers) -> ConfidenceLevel:
    rows = held_out_probs.max(axis=1) >= confidence
    right = held_out_probs[rows].argmax(axis=1) == held_out_labels[rows]
    return ConfidenceLevel(
        confidence=confidence,
        num_held_out=int(rows.sum()),
        precision=wilson(float(right.sum()), float(rows.sum())) if rows.any() else None,
        pool_share=float((pool_probs.max(axis=1) >= confidence).mean()),
    )


def _about_precision(level: ConfidenceLevel, num_pool: int) -> str:
    reach = f"{level.pool_share:.0%} of {num_pool:,} unlabeled images"
    if level.precision is None:
        return f"No held-out labeled image is predicted with {level.confidence:.0%} confidence; {reach} are."
    found = level.precision
    return (
        f"Predictions with at least {level.confidence:.0%} confidence, which {reach} reach, are right for {found.value:.1%} "
        f"({found.low:.0%} to {found.high:.0%}) of {level.num_held_out} held-out labeled ones."
    )


def _about_shares(shares: tuple[ClassShares, ...], p_value: float) -> str:
    if p_value >= LEVEL:
        return f"No class is significantly more or less frequent among unlabeled than among labeled images (p = {p_value:.2g})."
    moved = max(shares, key=lambda one: abs(one.corrected - one.labeled))
    return (
        f'The shares of the classes differ (p = {p_value:.2g}): "{moved.name}" makes up {moved.labeled:.0%} of the labeled '
        f"images and about {moved.corrected:.0%} of the unlabeled ones. Methods that assume equal shares may do harm."
    )
