"""Selective prediction: how accurate a model is where it is sure, and from which probability on it is accurate enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr

from headstart.core.errors import DataError, PlanError
from headstart.core.evaluation import SelectivePoint
from headstart.core.predictions import Predictions
from headstart.core.types import Floats, Integers
from headstart.evaluation.conformal import Calibration
from headstart.evaluation.intervals import wilson
from headstart.evaluation.ranked_rows import RankedRows

LEVEL = 0.05
"""Probability with which the accuracy of what is answered may be below what was asked for."""
COVERAGES = tuple(share / 20 for share in range(1, 21))
"""Shares of images that the curve is drawn at."""
FEWEST_ROWS = 10
"""With fewer answered images a point of the curve says nothing: the interval of half of ten right is 53 points wide."""
THRESHOLDS = tuple(1.0 - 10.0 ** (-step / 50) for step in range(301))
"""Probabilities that are tried, from 0 to 1 - 1e-6: what is left to 1 falls by 4.5 % from each to the next."""
MISTAKES_AT_START = 2
"""The first threshold that is tested answers so many images that two mistakes among them may be made: a single wrong label among
the most certain images would else end the sequence at its start. Used where there are enough images, else no mistake."""
SHARE_AT_START = 0.2
"""It answers this share of the images at least, as what answers fewer helps little. With 2,000 images, of which 2 in 100 of the
most certain have a wrong label, 65 % are answered at an accuracy of 0.95 with it, 25 % with no such share, 41 % with 0.1 and 72 %
with 0.3, where 82 % could be; where no more than a quarter could be, 4, 11, 11 and 0 % are (100 simulated draws each)."""


@dataclass(frozen=True)
class Answered:
    """From which probability on images are answered.

    Attributes:
        threshold: The least probability of the most probable class.
        coverage: Share of the out-of-fold images that are answered.
        accuracy: Share of these that were answered right.
        num_images: How many these are.
    """

    threshold: float
    coverage: float
    accuracy: float
    num_images: int


def accuracy_coverage(predictions: Predictions) -> tuple[SelectivePoint, ...]:
    """The accuracy on the most certain images, for each share of images that are answered; all of them last. All are labeled.

    Images of equal certainty are answered together, so that fewer points may come back. Each accuracy has a 95 % interval:
    Wilson's, of the number of independent images with the same variance where images come in groups.

    Reference: El-Yaniv & Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010; Korn & Graubard,
        "Confidence intervals for proportions with small expected number of positive counts estimated from survey data", Survey
        Methodology 1998 (the effective number of images).
    """
    confidence = predictions.probs.max(axis=1)
    descending = np.sort(confidence)[::-1]
    count = len(descending)
    points: dict[float, SelectivePoint] = {}
    for share in COVERAGES:
        size = math.ceil(share * count - 1e-9)
        if size < min(FEWEST_ROWS, count):
            continue
        threshold = float(descending[size - 1])
        chosen = confidence >= threshold
        correct, groups = predictions.correct[chosen], predictions.groups[chosen]
        accuracy = float(correct.mean())
        independent = _independent_rows(correct, groups)
        points[threshold] = SelectivePoint(
            coverage=float(chosen.mean()),
            threshold=threshold,
            num_images=int(chosen.sum()),
            accuracy=wilson(accuracy * independent, independent),
        )
    return tuple(points.values())


def _independent_rows(correct: Floats, groups: Integers) -> float:
    """The number of independent rows whose mean varies as that of these rows does; of groups where all rows are alike."""
    mean, count = float(correct.mean()), len(correct)
    _, unit = np.unique(groups, return_inverse=True)
    num_groups = int(unit.max()) + 1
    if mean in (0.0, 1.0) or num_groups < 2:
        return float(num_groups)
    deviations = np.bincount(unit, correct - mean)
    variance = num_groups / (num_groups - 1) * float((deviations**2).sum()) / count**2
    return float(count) if num_groups == count else min(float(count), mean * (1 - mean) / max(variance, 1e-12))


def answered_at(calibration: Calibration, accuracy: float) -> Answered:
    """The least threshold on the probability such that what is answered above it is right with that accuracy.

    With approximately 95 % confidence, new images like the labeled ones whose most probable class reaches the threshold are
    labeled right at least that often. Thresholds are tested from a high one downwards until one fails; the last one before it
    comes back. Each test is exact for independent images that a model had not learned from (binomial), and has a bound where
    images come in groups, which then weigh the same each. As for prediction sets, the models that predicted out of fold stand for
    the final one. The first threshold that is tested depends on the certainty of the labeled images, not on their labels.

    Args:
        calibration: Out-of-fold predictions.
        accuracy: What is wanted, between 0 and 1.

    Returns:
        The threshold with what is answered above it.

    Raises:
        PlanError: The accuracy is not between 0 and 1.
        DataError: There are too few labeled images, or no threshold reaches the accuracy.

    Reference: Angelopoulos, Bates, Candes, Jordan & Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
        Control", arXiv 2110.01052, 2021 (fixed sequence testing).
    Differs: the sequence begins where enough images are answered, in place of at a fixed threshold.
    """
    if not 0.0 < accuracy < 1.0:
        raise PlanError(f"at_accuracy = {accuracy:g} is no accuracy to ask for. Give more than 0 and less than 1, such as 0.95.")
    needed = rows_needed(accuracy, 0)
    if calibration.num_units < needed:
        raise DataError(
            f"An accuracy of {accuracy:g} can be shown with 95 % confidence by {needed:,} independent labeled images or more "
            f"(those of a group count once), and this run has {calibration.num_units:,}. Ask for less, or label more images."
        )
    found: float | None = None
    at_start = _rows_at_start(accuracy, calibration.num_units)
    ranked = calibration.ranked
    for threshold in reversed(THRESHOLDS):
        size = ranked.size_at(threshold)
        if ranked.num_units[size] < at_start:
            continue
        if mistakes_p_value(ranked, size, accuracy) > LEVEL:
            break
        found = threshold
    if found is None:
        raise DataError(_not_reached(calibration, accuracy))
    chosen = calibration.confidence >= found
    share = float(calibration.correct[chosen].mean())
    return Answered(found, float(chosen.mean()), share, int(chosen.sum()))


def rows_needed(accuracy: float, mistakes: int) -> int:
    """The number of independent rows of which so many may be wrong and the accuracy is still shown with 95 % confidence.

    >>> rows_needed(0.95, 0), rows_needed(0.95, 2)
    (59, 124)
    """
    count = mistakes + 1
    step = 1 << 20
    while bdtr(mistakes, count + step, 1 - accuracy) > LEVEL:
        step *= 2
    while step:  # the largest count that does not suffice, by bisection
        count += step if bdtr(mistakes, count + step, 1 - accuracy) > LEVEL else 0
        step //= 2
    return count + 1 if bdtr(mistakes, count, 1 - accuracy) > LEVEL else count


def _rows_at_start(accuracy: float, num_units: int) -> int:
    enough = rows_needed(accuracy, MISTAKES_AT_START)
    return max(enough, math.ceil(SHARE_AT_START * num_units)) if num_units >= enough else rows_needed(accuracy, 0)


def mistakes_p_value(ranked: RankedRows, size: int, accuracy: float) -> float:
    """The p-value of the hypothesis that new images are answered right less often than that.

    Binomial where every row is its own group. Else each group has the sum, over its answered rows, of (wrong - alpha) / n, where
    alpha is 1 - accuracy and n the number of all rows of the group. The mean of these sums is above 0 exactly where a row that is
    drawn from a new group, and answered, is wrong with a probability above alpha; that is tested. The sums lie between -alpha and
    1 - alpha, so that the Hoeffding-Bentkus bound holds once alpha is added. Groups without an answered row are left out, as the
    labels do not decide which these are.

    Args:
        ranked: The rows of the whole calibration.
        size: So many of the most certain ones are answered.
        accuracy: What is wanted.

    Returns:
        The p-value.

    Reference: Bates, Angelopoulos, Lei, Malik & Jordan, "Distribution-Free, Risk-Controlling Prediction Sets", Journal of the ACM
        2021 (the Hoeffding-Bentkus bound).
    """
    if not size:
        return 1.0
    allowed, wrong = 1 - accuracy, float(ranked.wrong[size])
    if ranked.are_single:
        return float(bdtr(round(wrong), size, allowed))
    num = int(ranked.num_units[size])
    mean = allowed + (wrong - allowed * float(ranked.answered[size])) / num
    bentkus = math.e * float(bdtr(math.ceil(num * mean - 1e-9), num, allowed))
    return min(1.0, bentkus, math.exp(-num * _divergence(min(mean, allowed), allowed)))


def _divergence(share: float, allowed: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli distributions."""
    first = share * math.log(share / allowed) if share else 0.0
    return first + ((1 - share) * math.log((1 - share) / (1 - allowed)) if share < 1 else 0.0)


def _not_reached(calibration: Calibration, accuracy: float) -> str:
    size = _rows_at_start(accuracy, calibration.num_units)
    surest = np.argsort(-calibration.confidence, kind="stable")[:size]
    right = int(calibration.correct[surest].sum())
    return (
        f"No certainty reaches an accuracy of {accuracy:g} with 95 % confidence: of the {size:,} most certain labeled images "
        f"{right:,} are right. Ask for less, or label more images."
    )
