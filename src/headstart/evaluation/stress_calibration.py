"""Stress calibration: an estimated accuracy corrected by how estimates erred where a run's own images were made worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from headstart.core.types import Floats
from headstart.evaluation.stress import StressRow

CORRECTED = "confidence_optimal_transport"
"""The accuracy estimator whose error is predicted."""
NEAREST = 5
"""Conditions whose errors are averaged. With 5 and 8 the mean absolute error was 4.2 points over 176 shifts of four sets, other
draws than those of `python -m benchmarks.watching`; without correction it was 6.0."""
FEWEST_FAMILIES = 2
"""Families of corruptions, so that the error of a correction can be measured on another family than it was made of."""
LEVEL = 0.95
"""Of the interval. Intervals of 1.96 root mean squared errors held 90 % of the accuracies under 176 shifts of other draws, as
large errors are frequent; those by this quantile held 94 %."""
SMALLEST_STD = 1e-6
"""Of an estimate over conditions: one that is the same under all tells nothing."""


class Correction(NamedTuple):
    """An accuracy estimated by what is known about worse pictures.

    Attributes:
        value: What is to be added to the estimate by `CORRECTED`.
        half: What 95 % of the absolute errors of estimates so corrected do not exceed, of conditions whose family had no part in
            the correction.
        num_conditions: Corruptions and strengths that there were.
    """

    value: float
    half: float
    num_conditions: int


def stress_correction(estimates: Mapping[str, float], rows: Sequence[StressRow]) -> Correction | None:
    """How far the accuracy is above its estimate, where it was so under corruptions that are most like what was met.

    Two conditions are alike whose estimated accuracies are, by all estimators, each in its standard deviations over the
    conditions. Needs a stress test of the same model, on images that it had not learned from. It helps where new images are
    unlike known ones, in ways that the stress test need not have: `python -m benchmarks.watching` judges corruptions whose whole
    family was left out. It does not help where nothing but the class shares changed.

    Args:
        estimates: Of new images by each accuracy estimator, by name.
        rows: Corruptions and strengths with what the estimators said of them and the measured accuracy. Pictures as they are may
            be among them, without a family: they correct as the others do, and do not count.

    Returns:
        The correction; None where conditions or families are too few, or other estimators were asked.

    Reference: Deng & Zheng, "Are Labels Always Necessary for Classifier Accuracy Evaluation?", CVPR 2021, section 4 (a regression
        over synthetic sets made of labeled images).
    Differs: nearest neighbors in the estimates of three estimators take the place of a regression on a distance of features.
    """
    names = sorted(estimates)
    known = [row for row in rows if sorted(row.estimates) == names]
    families = np.array([row.family for row in known])
    corrupted = families[families != ""]
    if CORRECTED not in names or len(np.unique(corrupted)) < FEWEST_FAMILIES:
        return None
    places = np.array([[row.estimates[name] for name in names] for row in known])
    errors = np.array([row.accuracy.value - row.estimates[CORRECTED] for row in known])
    left = np.array(
        [
            _nearest(place, places[families != family], errors[families != family])
            for place, family in zip(places, families, strict=True)
        ]
    )
    value = _nearest(np.array([estimates[name] for name in names]), places, errors)
    return Correction(value, float(np.quantile(np.abs(left - errors), LEVEL, method="higher")), len(corrupted))


def _nearest(place: Floats, places: Floats, errors: Floats) -> float:
    """The mean error [condition] of the conditions whose estimates [condition, estimator] are nearest to a place [estimator]."""
    scaled = (places - place) / np.maximum(places.std(axis=0), SMALLEST_STD)
    return float(errors[np.argsort((scaled**2).sum(axis=1), kind="stable")[:NEAREST]].mean())
