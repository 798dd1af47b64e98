"""Stress: the accuracy of a model on pictures that are made worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.predictions import Predictions, joined
from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.shown import Shown
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.corrupted import corrupted
from headstart.data.corruptions import CORRUPTIONS
from headstart.data.images import ImageSet
from headstart.evaluation.accuracy_estimators import ACCURACY_ESTIMATORS
from headstart.evaluation.intervals import bootstrap, paired_difference, percentile_interval, wilson
from headstart.evaluation.labeled_predictions import DRAWS, LabeledPredictions
from headstart.evaluation.metrics import metrics_of
from headstart.novelty.detector import UNUSUAL

CLEAN = "none"
"""The `corruption` of pictures as they are."""
PREDICTIONS = "predictions.parquet"
FEWEST_ROWS = 20
"""Images that an accuracy can be measured on: its interval is 40 points wide then."""
OTHER_IMAGES = "{other} predicts other classes or other images. Name a run of the same task, or give DATA."

Condition = tuple[str, int]
"""A corruption and its strength."""


class PredictsWithPValues(Protocol):
    """Whatever turns images into predictions, with p-values where it has a novelty detector."""

    def predict_with_p_values(self, images: ImageSet) -> Predictions:
        """Probabilities for every row."""


class StressRow(Record):
    """The model on pictures that are made worse in one way.

    Attributes:
        corruption: Its name; "none" for pictures as they are.
        family: Its kind.
        strength: From 1 on; 0 for pictures as they are.
        level: What the strength is, such as "0.08".
        accuracy: The share of right predictions.
        calibration_error: Mean gap of confidence and accuracy; None where it is not defined.
        flagged: The share of images that the novelty detector flags; None without a detector.
        estimates: The accuracy by each accuracy estimator, from the run's held-out predictions and without the labels of these;
            empty where there were no held-out predictions of the same classes.
    """

    corruption: str
    family: str = ""
    strength: int = 0
    level: str = ""
    accuracy: Estimate
    calibration_error: Estimate | None = None
    flagged: float | None = None
    estimates: dict[str, float] = {}


class CorruptionMean(Record):
    """The accuracy over all strengths of one corruption, or over several corruptions that count alike.

    Attributes:
        name: The corruption, or what is meant over.
        accuracy: The mean, with an interval over the images.
    """

    name: str
    accuracy: Estimate


class StressGain(Record):
    """Another run's model on the same images, made worse in the same ways.

    Attributes:
        run: The other run's folder.
        num_images: Images that both predicted.
        clean: Accuracy of the other minus that of this one, on pictures as they are.
        corrupted: The same over the corruptions, which count alike, of the mean over the strengths of each.
        sentence: Which of them does better where pictures get worse, if that is beyond chance.
    """

    run: str
    num_images: int
    clean: Estimate
    corrupted: Estimate
    sentence: str


class RobustAlternative(Record):
    """The run's plan in the form that is to stand pictures that get worse, on the same images, made worse in the same ways.

    Attributes:
        candidate: What would be fitted.
        clean: Its accuracy minus that of the run's own plan, on pictures as they are.
        corrupted: The same over the corruptions, each predicted by a model that learned from no corruption of its family.
        plan: The file in the run's folder with its plan, which learns from all families; empty where it does not do better beyond
            chance.
        sentence: What was found.
    """

    candidate: str
    clean: Estimate
    corrupted: Estimate
    plan: str = ""
    sentence: str


class Stress(Shown, Record):
    """`stress.json`: how a model does where pictures get worse.

    Attributes:
        run: The run's folder.
        num_images: Images that were made worse.
        basis: Which images, and by what they were predicted, in one sentence.
        clean: The same images as they are.
        rows: One for each corruption and strength.
        means: One for each corruption.
        mean: Over all corruptions, which count alike; None where only some were asked for.
        sentence: What was found.
        against: Another run beside this one; None where none was asked for.
        robust: The robust alternative; None where it was not asked for.
    """

    run: str
    num_images: int
    basis: str
    clean: StressRow
    rows: tuple[StressRow, ...]
    means: tuple[CorruptionMean, ...]
    mean: CorruptionMean | None = None
    sentence: str
    against: StressGain | None = None
    robust: RobustAlternative | None = None


def stress_row(models: Sequence[tuple[PredictsWithPValues, ImageSet]], corruption: str, strength: int, folder: Path) -> StressRow:
    """The row of one corruption and strength, whose predictions are written into a folder.

    Test sets are opened, and labels are read.

    Args:
        models: Each model with the images that it is to predict.
        corruption: A name of `CORRUPTIONS`, or "none".
        strength: From 1 on; 0 for "none".
        folder: Where; made if absent.

    Returns:
        The row.
    """
    made = joined([model.predict_with_p_values(_made_worse(images, corruption, strength)) for model, images in models])
    made = made.take(made.labels != UNLABELED)
    if not len(made):
        raise DataError("None of the images has a label, so that no accuracy can be measured. Give labeled images.")
    made.write(folder / PREDICTIONS)
    found = metrics_of(LabeledPredictions(made), ("accuracy", "ece"))
    known = None if corruption == CLEAN else CORRUPTIONS.get(corruption)
    return StressRow(
        corruption=corruption,
        family=known.family if known else "",
        strength=strength,
        level=_shown(known.levels[strength - 1]) if known else "",
        accuracy=found["accuracy"],
        calibration_error=found.get("ece"),
        flagged=None if made.p_values is None else float((made.p_values < UNUSUAL).mean()),
    )


def with_estimates(row: StressRow, folder: Path, held_out: Predictions | None) -> StressRow:
    """The row with the accuracy that each accuracy estimator takes from held-out predictions and its own in that folder."""
    made = Predictions.read(folder / PREDICTIONS)
    if held_out is None or held_out.classes != made.classes or not (held_out.labels != UNLABELED).all():
        return row
    given = held_out.probs, held_out.labels, made.probs
    return row.model_copy(update={"estimates": {name: one(*given) for name, one in ACCURACY_ESTIMATORS.all().items()}})


def _made_worse(images: ImageSet, corruption: str, strength: int) -> ImageSet:
    opened = images.opened_for_evaluation()
    return opened if corruption == CLEAN else corrupted(opened, corruption, strength)


def _shown(level: object) -> str:
    return ", ".join(f"{one:g}" for one in level) if isinstance(level, tuple) else f"{level:g}"


def mean_of_rows(name: str, folders: Mapping[Condition, Path]) -> CorruptionMean:
    """The mean accuracy over conditions whose predictions lie in these folders, with an interval over the images.

    Strengths are averaged first, then corruptions, so that these count alike however many strengths they have. Images are drawn
    with all that was predicted for them, groups whole; where all draws are the same, the interval is Wilson's.
    """
    several = {condition: Predictions.read(folder / PREDICTIONS) for condition, folder in folders.items()}
    right, groups = (
        _mean_over({condition: one.correct for condition, one in several.items()}),
        next(iter(several.values())).groups,
    )
    found = _drawn(right, groups, "stress")
    if _has_no_width(found):
        num_groups = len(np.unique(groups))
        found = wilson(found.value * num_groups, num_groups)
    return CorruptionMean(name=name, accuracy=found)


def keys_of(models: Sequence[tuple[PredictsWithPValues, ImageSet]]) -> tuple[str, ...]:
    """The content key of each picture as it is, for the rows of `stress_row`'s predictions, in their order."""
    opened = [images.opened_for_evaluation() for _, images in models]
    return tuple(
        key for one in opened for key, label in zip(one.content_keys, one.labels, strict=True) if int(label) != UNLABELED
    )


def common_rows(other: str, first: Sequence[str], second: Sequence[str]) -> tuple[Integers, Integers]:
    """The rows of the same pictures in two runs, each picture once.

    Args:
        other: The second run's folder.
        first: The content key of each row of the first run.
        second: Those of the second.

    Returns:
        The rows of the first, int64 [image], and those of the second.

    Raises:
        DataError: Too few pictures are in both.
    """
    places = {key: row for row, key in reversed(list(enumerate(second)))}
    shared = {key: row for row, key in reversed(list(enumerate(first))) if key in places}
    if not shared:
        raise DataError(OTHER_IMAGES.format(other=other))
    if len(shared) < FEWEST_ROWS:
        raise DataError(
            f"{other} predicts {len(shared)} of the same images, and a comparison needs {FEWEST_ROWS} or more. "
            "Name a run of the same task, or give DATA."
        )
    rows = sorted((row, places[key]) for key, row in shared.items())
    return np.array([row for row, _ in rows], np.int64), np.array([row for _, row in rows], np.int64)


def gain_of(other: str, pairs: Mapping[Condition, tuple[Path, Path]], rows: tuple[Integers, Integers]) -> StressGain:
    """How much better another run does, by a paired bootstrap over the images that both predicted, groups whole.

    Strengths are averaged first, then corruptions. Where no image differs from another, the interval is that of
    `paired_difference`, so that it has width.

    Args:
        other: The other run's folder.
        pairs: Folders with the predictions of this run and of the other for each condition; pictures as they are among them.
        rows: Their rows of the same pictures, as `common_rows` gives them.

    Returns:
        The gains with their intervals.

    Raises:
        DataError: The two runs know different classes.
    """
    clean, gain, count = paired_gains(other, pairs, rows)
    told = "does better" if gain.low > 0 else "does worse" if gain.high < 0 else "does not differ beyond chance"
    sentence = f"{other} {told} where pictures get worse: {points_of(gain)} of accuracy on {count:,} images."
    return StressGain(run=other, num_images=count, clean=clean, corrupted=gain, sentence=sentence)


def points_of(gain: Estimate) -> str:
    """A difference of accuracies for people, in points."""
    return f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] points"


def paired_gains(
    other: str, pairs: Mapping[Condition, tuple[Path, Path]], rows: tuple[Integers, Integers]
) -> tuple[Estimate, Estimate, int]:
    """The gains of `gain_of` on pictures as they are and where they get worse, and the number of images."""
    right, groups = dict[Condition, tuple[Floats, Floats]](), np.empty(0, np.int64)
    for condition, folders in pairs.items():
        first, second = (Predictions.read(folder / PREDICTIONS).take(own) for folder, own in zip(folders, rows, strict=True))
        if first.classes != second.classes:
            raise DataError(OTHER_IMAGES.format(other=other))
        right[condition], groups = (second.correct, first.correct), first.groups
    clean = _paired({condition: both for condition, both in right.items() if condition[0] == CLEAN}, groups)
    gain = _paired({condition: both for condition, both in right.items() if condition[0] != CLEAN}, groups)
    return clean, gain, len(groups)


def _paired(right: Mapping[Condition, tuple[Floats, Floats]], groups: Integers) -> Estimate:
    """The first's accuracy minus the second's, of what was right for each condition."""
    found = _drawn(_mean_over({condition: first - second for condition, (first, second) in right.items()}), groups, "stress gain")
    if not _has_no_width(found):
        return found
    cells = [
        _mean_over({condition: (first == one) & (second == two) for condition, (first, second) in right.items()}).mean()
        for one, two in ((1, 1), (1, 0), (0, 1), (0, 0))
    ]
    return paired_difference(*(float(cell) * len(np.unique(groups)) for cell in cells))


def _mean_over(values: Mapping[Condition, Floats]) -> Floats:
    """Values [image] of conditions, averaged over the strengths of each corruption, and then over corruptions."""
    names = dict.fromkeys(name for name, _ in values)
    means = [np.mean([own for (one, _), own in values.items() if one == name], axis=0) for name in names]
    return np.asarray(np.mean(means, axis=0))


def _drawn(values: Floats, groups: Integers, what: str) -> Estimate:
    """The mean, with the percentile interval of its bootstrap."""
    generator = generator_for(0, "intervals", what)
    draws = bootstrap(lambda weights: weights @ values / weights.sum(axis=1), groups, None, DRAWS, generator)
    return percentile_interval(float(values.mean()), draws)


def _has_no_width(found: Estimate) -> bool:
    return found.high - found.low < 1e-9
