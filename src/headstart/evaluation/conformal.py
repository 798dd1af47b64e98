"""Conformal: prediction sets that hold the true class as often as is asked for, calibrated by out-of-fold predictions.

`crepes` and `MAPIE` do neither of what is needed here: the calibration of a fitted model by scores that others made out of fold,
with groups of images that count once. So the few lines are our own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from headstart.core.arrays import read_arrays, write_arrays
from headstart.core.errors import DataError, PlanError
from headstart.core.evaluation import SetSizes
from headstart.core.predictions import Predictions
from headstart.core.rows import row_slices
from headstart.core.shapes import check_arrays, naming_damage
from headstart.core.spacing import evenly_spaced
from headstart.core.types import UNLABELED, Booleans, Floats, Integers
from headstart.evaluation.conformity import CONFORMITY, ConformityScore, never_empty
from headstart.evaluation.ranked_rows import RankedRows

DEFAULT_SCORE = "lac"
LEVELS = (0.8, 0.9, 0.95)
"""Levels at which an evaluation tells the sizes of sets."""
MOST_NUMBERS = 2_000_000
"""Probabilities of which scores are made at once."""
MOST_STEPS = 1_000
"""Levels that a bundle knows: a level between two of them is rounded up by a thousandth at most."""
ROUNDING = 1e-9
"""Slack of a comparison of sums of fractions."""


@dataclass(frozen=True)
class Calibration:
    """What out-of-fold predictions say about the certainty of a model; small enough to be kept with it.

    Attributes:
        labels: True classes, int64 [sample].
        groups: Rows of one group are not independent and count once, int64 [sample].
        confidence: The probability of the most probable class, float64 [sample].
        correct: 1.0 where that class is the true one, float64 [sample].
        scores: How badly the true class fits, by the name of the conformity score, float64 [sample].
    """

    labels: Integers = field(repr=False)
    groups: Integers = field(repr=False)
    confidence: Floats = field(repr=False)
    correct: Floats = field(repr=False)
    scores: Mapping[str, Floats] = field(repr=False)

    @classmethod
    def of(cls, predictions: Predictions) -> Calibration:
        """That of predictions by models that had not learned from the rows; rows without a label are left out."""
        known = predictions.take(predictions.labels != UNLABELED)
        scores = {name: _of_truth(score, known) for name, score in CONFORMITY.all().items()}
        return cls(known.labels, known.groups, np.asarray(known.probs.max(axis=1), np.float64), known.correct, scores)

    @cached_property
    def num_units(self) -> int:
        """Number of groups."""
        return len(np.unique(self.groups))

    @cached_property
    def ranked(self) -> RankedRows:
        """The rows sorted by their confidence."""
        return RankedRows.of(self.confidence, self.correct, self.groups)

    def write(self, path: Path) -> None:
        """Write one file, atomically."""
        arrays = {name: getattr(self, name) for name in ("labels", "groups", "confidence", "correct")}
        arrays |= {f"score.{name}": values for name, values in self.scores.items()}
        write_arrays(path, arrays)

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """What `write` wrote; a DataError where the file is damaged."""
        with naming_damage(path, "Delete it: out-of-fold predictions take its place."):
            arrays = read_arrays(path)
            scores = {name.removeprefix("score."): arrays[name] for name in arrays if name.startswith("score.")}
            check_arrays(arrays, dict.fromkeys(("labels", "groups", "confidence", "correct", *arrays), "row"), {})
            labels, groups = (np.asarray(arrays[name], np.int64) for name in ("labels", "groups"))
            return cls(labels, groups, arrays["confidence"], arrays["correct"], scores)


def _of_truth(score: ConformityScore, predictions: Predictions) -> Floats:
    """The score of the true class of each row, float64 [sample]; a part of the rows at a time, as a score makes large copies."""
    found: list[Floats] = [np.zeros(0)]
    for rows in row_slices(len(predictions), max(1, MOST_NUMBERS // len(predictions.classes))):
        labels = predictions.labels[rows]
        found.append(score(predictions.probs[rows])[np.arange(len(labels)), labels])
    return np.concatenate(found)


@dataclass(frozen=True)
class SetRule:
    """Which classes a prediction set holds.

    Attributes:
        level: The share of images whose set holds the true class.
        score: The conformity score.
        thresholds: The worst score of each class with which it is in a set, float64 [class].
    """

    level: float
    score: str
    thresholds: Floats = field(repr=False)

    def holds(self, probs: Floats) -> Booleans:
        """Whether the set of each row holds each class, bool [sample, class], from probabilities [sample, class]."""
        inside = CONFORMITY.get(self.score)(probs) <= self.thresholds
        if never_empty(self.score):
            inside[np.arange(len(probs)), np.asarray(probs).argmax(axis=1)] = True
        return np.asarray(inside, np.bool_)


def set_rule(
    calibration: Calibration, classes: tuple[str, ...], level: float, score: str = DEFAULT_SCORE, *, by_class: bool = False
) -> SetRule:
    """The rule by which sets of new images hold their true class with that probability.

    What holds: where one model made all scores and had learned from none of the rows (one fold was held out, and the model is
    that of the fold), an image of a new group is covered with probability `level` or more, if these rows chose neither the recipe
    nor a temperature. In a run they choose the recipe, so that this holds approximately.
    Out-of-fold scores are those of several models, each compared on rows that it has not learned from, and new images are
    predicted by one that has learned from all. The coverage then tends to the level for a fit that hardly changes with a part of
    its rows, and no bound holds for every fit: that of CV+, about 2 * level - 1, would need the models of all folds, and a run
    keeps one. The scores are worse than those of the final model on new images, as fewer rows were learned from, which makes sets
    larger; that the recipe was chosen on the same rows makes them smaller. `python -m benchmarks.prediction_sets` measures the
    coverage.

    Groups are what is exchangeable: each counts once, however many images it has, and a new image is one of a new group.

    Args:
        calibration: Out-of-fold scores.
        classes: Names in label order.
        level: Share of images whose set is to hold the true class, between 0 and 1.
        score: The conformity score.
        by_class: Whether this is to hold for the images of each class (Mondrian), not only for all together.

    Returns:
        The rule.

    Raises:
        PlanError: The level is not between 0 and 1, or there is no such score.
        DataError: There are too few labeled images for that level, or too few of a class.

    Reference: Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 2015; Barber, Candes,
        Ramdas & Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 2021 (CV+, and the jackknife under
        stability); Lee, Barber & Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342, 2023 (groups).
    Differs: the out-of-fold scores calibrate the final model in place of the models of the folds. The recipe, the temperature and
        the shares of the members of an ensemble may have been fitted by the same rows; where several models of folds predict
        together in place of one fitted to all, their mean is calibrated by the scores of the single ones.
    """
    if not 0.0 < level < 1.0:
        raise PlanError(f"sets = {level:g} is not a share of images. Give more than 0 and less than 1, such as 0.9.")
    CONFORMITY.get(score)
    if score not in calibration.scores:
        raise DataError(f'The run was calibrated without the conformity score "{score}". Fit it again.')
    scores = calibration.scores[score]
    needed = units_needed(level)
    if not by_class:
        if calibration.num_units < needed:
            raise DataError(
                f"Prediction sets of {level:g} need out-of-fold predictions of {needed:,} independent labeled images (those of a "
                f"group count once), and this run has {calibration.num_units:,}. {_ask_for(calibration.num_units)}"
            )
        return SetRule(level, score, np.full(len(classes), conformal_quantile(scores, calibration.groups, level)))
    thresholds = np.empty(len(classes))
    for label, name in enumerate(classes):
        own = calibration.labels == label
        found = len(np.unique(calibration.groups[own]))
        if found < needed:
            raise DataError(
                f"Prediction sets of {level:g} by class need {needed:,} independent labeled images of each class (those of a "
                f'group count once), and "{name}" has {found:,}. Sets that are not by class need fewer. {_ask_for(found)}'
            )
        thresholds[label] = conformal_quantile(scores[own], calibration.groups[own], level)
    return SetRule(level, score, thresholds)


def set_steps(calibration: Calibration, score: str = DEFAULT_SCORE) -> list[tuple[float, float]]:
    """Levels that can be had, with the threshold of each, from the lowest to the highest; `MOST_STEPS` at most.

    The threshold of a level between two steps is that of the higher one: sets by it are never too small.
    """
    scores = calibration.scores[score]
    _, unit, counts = np.unique(calibration.groups, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1.0 / counts[unit[order]]) / (len(counts) + 1)
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # of rows with equal scores
    rows = last[evenly_spaced(len(last), MOST_STEPS)]
    return list(zip(reached[rows].tolist(), scores[order][rows].tolist(), strict=True))


def set_sizes(predictions: Predictions) -> tuple[SetSizes, ...]:
    """How large prediction sets are at `LEVELS` on the out-of-fold rows that calibrate them; none where there are too few rows.

    How often these sets hold the truth is not told: on these rows it is so by construction.
    """
    calibration = Calibration.of(predictions)
    found = []
    for level in LEVELS:
        if calibration.num_units < units_needed(level):
            continue
        counts = set_rule(calibration, predictions.classes, level).holds(predictions.probs).sum(axis=1)
        shares = [float((counts == size).mean()) for size in (1, 0, len(predictions.classes))]
        sizes = dict(zip(("single", "empty", "full"), shares, strict=True))
        found.append(SetSizes(level=level, mean_size=float(counts.mean()), **sizes))
    return tuple(found)


def units_needed(level: float) -> int:
    """The number of independent rows from which on a level can be had.

    >>> units_needed(0.9), units_needed(0.95), units_needed(0.99)
    (9, 19, 99)
    """
    return max(1, math.ceil(level / (1 - level) - ROUNDING))


def _ask_for(num_units: int) -> str:
    most = math.floor(1_000 * num_units / (num_units + 1)) / 1_000
    return f"Ask for {most:g} or less, or label more images." if num_units else "Label more images."


def conformal_quantile(scores: Floats, groups: Integers, level: float) -> float:
    """The least score that a new row of a new group stays at or below with that probability; infinite with too few groups.

    Every group has the same weight, as has the new one, whose score is not known and so counts as infinite. With one row a group
    it is the ceil((n + 1) level)-th smallest score.

    >>> conformal_quantile(np.arange(9.0), np.arange(9), 0.8), conformal_quantile(np.arange(9.0), np.arange(9), 0.9)
    (7.0, 8.0)
    >>> conformal_quantile(np.arange(9.0), np.arange(9), 0.91)
    inf

    Reference: Lee, Barber & Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342, 2023 (HCP).
    """
    _, unit, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1.0 / counts[unit[order]]) >= level * (len(counts) + 1) - ROUNDING
    return float(scores[order[int(reached.argmax())]]) if reached.any() else math.inf
