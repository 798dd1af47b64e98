"""Drift: whether what a model meets in use is still like what it learned from, without labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions
from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.accuracy_estimators import ACCURACY_ESTIMATORS
from headstart.evaluation.accuracy_estimators.confidence_optimal_transport import confidence_optimal_transport
from headstart.evaluation.accuracy_estimators.difference_of_confidence import difference_of_confidence
from headstart.evaluation.drift_inputs import DriftInputs
from headstart.evaluation.drift_tests import DRIFT_TESTS
from headstart.evaluation.intervals import bootstrap_weights, wilson
from headstart.evaluation.stress import StressRow
from headstart.evaluation.stress_calibration import Correction, stress_correction
from headstart.novelty.detector import UNUSUAL
from headstart.shift.label_shift import class_shares, confused_shares

FEWEST_IMAGES = 20
"""New images from which drift can be tested, and held-out ones. Chosen, not measured."""
DRAWS = 200
"""Of the bootstrap: a standard error is then known to a twentieth."""
ERRORS_95 = 1.96
"""Standard errors on either side of an estimate that make a 95 % interval."""
SHIFT_ERROR = 0.08
"""Standard deviation of what chance does not explain in the error of an estimated accuracy where drift was found
(`python -m benchmarks.watching`)."""
BAND_95 = 1.358
"""A distribution function that is estimated from n rows is off by more than this over the square root of n in 5 % of draws
(Kolmogorov)."""


class DriftTestResult(Record):
    """One test.

    Attributes:
        name: Of the drift test.
        p_value: That new images are like those learned from.
        corrected: The p-value after Holm's correction for the number of tests.
    """

    name: str
    p_value: float
    corrected: float


class ClassShare(Record):
    """How frequent a class is.

    Attributes:
        name: Of the class.
        learned: Its share among held-out labels.
        predicted: Its share among predictions for new images.
        estimated: Its share in the new images, corrected for the model's confusions, as if nothing but the shares had changed.
    """

    name: str
    learned: float
    predicted: float
    estimated: Estimate


class Drift(Record):
    """How new images differ from those learned from, and what follows for the model's accuracy.

    Attributes:
        num_images: New images.
        num_held_out: Labeled images that the model, or models like it, were not fitted to.
        split: Of these: "test" or "out of fold".
        level: Level of all tests together.
        tests: The smallest p-value first.
        class_shares: In label order.
        unknown: Share of new images with a conformal p-value below 0.05, which a twentieth of known images have; None without a
            novelty detector.
        learned_accuracy: On the held-out images.
        estimated_accuracy: On the new ones, without labels: by confidence optimal transport where `unusual` is above 0, else by
            the difference of confidence. Over 88 shifts of four sets the former alone had a mean absolute error of 6.1 points,
            the latter 9.6 and both so 5.3; where nothing changed, 4.4, 2.3 and 2.4 (`python -m benchmarks.watching`). Where
            `num_conditions` is above 0, the former is corrected by how it erred under corruptions.
        estimates: The same by each estimator alone, by name.
        unusual: Share of the new images, at least, that look less usual than those learned from; 0 without a novelty detector.
        num_conditions: Corruptions and strengths of the run's stress test that corrected the estimated accuracy; 0 for none.
    """

    num_images: int
    num_held_out: int
    split: str
    level: float
    tests: tuple[DriftTestResult, ...]
    class_shares: tuple[ClassShare, ...]
    unknown: Estimate | None
    learned_accuracy: Estimate
    estimated_accuracy: Estimate
    estimates: dict[str, float]
    unusual: float = 0.0
    num_conditions: int = 0

    @property
    def found(self) -> bool:
        """Whether some test rejects that the new images are like those learned from."""
        return bool(self.tests) and self.tests[0].corrected <= self.level

    @property
    def sentence(self) -> str:
        """What to know, in a sentence."""
        if not self.found:
            return f"No drift was found: the {self.num_images:,} new images look like those learned from (level {self.level:g})."
        first, several = self.tests[0], len(self.tests) > 1
        told = f"p = {first.corrected:.2g}" + (f", corrected for {len(self.tests)} tests" if several else "")
        differ = f"the {self.num_images:,} new images differ from those learned from in {named(first.name)}"
        return f"Drift was found: {differ} ({told})."


def named(test: str) -> str:
    """A drift test's name in words."""
    return test.replace("_", " ")


def drift_of(
    held_out: Predictions,
    new: Predictions,
    least_p_value: float,
    split: str,
    learned: Estimate,
    *,
    same_model: bool,
    level: float,
    seed: int,
    stressed: Sequence[StressRow] = (),
) -> Drift:
    """How new images differ from held-out ones.

    Args:
        held_out: Labeled images that the model, or models like it, were not fitted to.
        new: The model's predictions of new images, with p-values where it has a novelty detector; labels are not read.
        least_p_value: As in `DriftInputs`.
        split: Of the held-out images.
        learned: The accuracy on the held-out images.
        same_model: As in `DriftInputs`.
        level: Level of all tests together.
        seed: Of the bootstrap.
        stressed: Pictures that were made worse, with the estimated and the measured accuracy, which correct the estimated one.

    Returns:
        The record.

    Raises:
        DataError: There are fewer than `FEWEST_IMAGES` new images, or held-out ones.
    """
    for count, what in ((len(new), "new images"), (len(held_out), "labeled images that were held out")):
        if count < FEWEST_IMAGES:
            raise DataError(f"There are {count} {what}, and {FEWEST_IMAGES} or more are needed to tell whether anything changed.")
    tests = _tests(DriftInputs(held_out.probs, new.probs, least_p_value, new.p_values, same_model))
    unusual = 0.0 if new.p_values is None else unusual_share(new.p_values)
    estimates = {name: one(held_out.probs, held_out.labels, new.probs) for name, one in ACCURACY_ESTIMATORS.all().items()}
    correction = stress_correction(estimates, stressed) if unusual else None
    drifted = bool(tests) and tests[0].corrected <= level
    return Drift(
        num_images=len(new),
        num_held_out=len(held_out),
        split=split,
        level=level,
        tests=tests,
        class_shares=_shares(held_out, new.probs, seed),
        unknown=None if new.p_values is None else wilson(float((new.p_values < UNUSUAL).sum()), len(new)),
        learned_accuracy=learned,
        estimated_accuracy=_accuracy(held_out, new, learned, seed, correction, unusual=unusual, drifted=drifted),
        estimates=estimates,
        unusual=unusual,
        num_conditions=correction.num_conditions if correction else 0,
    )


def unusual_share(p_values: Floats) -> float:
    """The share of images, at least, that are less usual than known ones, by conformal p-values, float64 [row].

    The largest excess of images with a p-value of at most P over the share P of known images, less what chance explains.
    """
    ranked = np.sort(p_values)
    excess = float((np.arange(1, len(ranked) + 1) / len(ranked) - ranked).max())
    return max(0.0, excess - BAND_95 / math.sqrt(len(ranked)))


def _tests(inputs: DriftInputs) -> tuple[DriftTestResult, ...]:
    """Every test that applies, the smallest p-value first, with Holm's correction."""
    found = {name: test(inputs) for name, test in DRIFT_TESTS.all().items()}
    ranked = sorted((p_value, name) for name, p_value in found.items() if p_value is not None)
    tests, least = [], 0.0
    for place, (p_value, name) in enumerate(ranked):
        least = max(least, min(1.0, p_value * (len(ranked) - place)))
        tests.append(DriftTestResult(name=name, p_value=p_value, corrected=least))
    return tuple(tests)


def _accuracy(
    held_out: Predictions,
    new: Predictions,
    learned: Estimate,
    seed: int,
    correction: Correction | None,
    *,
    unusual: float,
    drifted: bool,
) -> Estimate:
    """As `Drift.estimated_accuracy`, at least as uncertain as the accuracy learned, and more where drift was found."""
    estimator = confidence_optimal_transport if unusual else difference_of_confidence

    def estimate(ours: Integers, theirs: Integers) -> float:
        return estimator(held_out.probs[ours], held_out.labels[ours], new.probs[theirs])

    value = estimate(np.arange(len(held_out)), np.arange(len(new)))
    draws = [estimate(ours, theirs) for ours, theirs in _resampled(held_out, len(new), seed)]
    beyond = ERRORS_95 * SHIFT_ERROR if drifted else 0.0
    if correction is not None:
        value, beyond = min(max(value + correction.value, 0.0), 1.0), correction.half
    half = math.hypot(ERRORS_95 * float(np.std(draws)), beyond)
    low, high = max(half, learned.value - learned.low), max(half, learned.high - learned.value)
    return Estimate(value=value, low=max(0.0, value - low), high=min(1.0, value + high))


def _resampled(held_out: Predictions, num_new: int, seed: int) -> Iterator[tuple[Integers, Integers]]:
    """Draws of held-out rows, groups whole, and of new rows."""
    generator = generator_for(seed, "drift")
    for weights in bootstrap_weights(held_out.groups, None, DRAWS, generator):
        for counts in weights:
            yield np.repeat(np.arange(len(held_out)), counts.astype(np.int64)), generator.integers(0, num_new, num_new)


def _shares(held_out: Predictions, probs: Floats, seed: int) -> tuple[ClassShare, ...]:
    """Class shares of the new images, with bootstrap intervals over both sets of rows."""
    num_classes = len(held_out.classes)
    value = confused_shares(held_out.probs, held_out.labels, probs)
    draws = [
        confused_shares(held_out.probs[ours], held_out.labels[ours], probs[theirs])
        for ours, theirs in _resampled(held_out, len(probs), seed)
    ]
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    learned, predicted = (class_shares(one, num_classes) for one in (held_out.labels, probs.argmax(axis=1)))
    return tuple(
        ClassShare(
            name=name,
            learned=float(learned[place]),
            predicted=float(predicted[place]),
            estimated=Estimate(
                value=float(value[place]), low=float(min(low[place], value[place])), high=float(max(high[place], value[place]))
            ),
        )
        for place, name in enumerate(held_out.classes)
    )
