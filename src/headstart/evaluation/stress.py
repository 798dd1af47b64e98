"""Stress: the accuracy of a model on pictures that are made worse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from headstart.evaluation.intervals import bootstrap, percentile_interval, wilson
from headstart.evaluation.labeled_predictions import DRAWS, LabeledPredictions
from headstart.evaluation.metrics import metrics_of
from headstart.novelty.detector import UNUSUAL

CLEAN = "none"
"""The `corruption` of pictures as they are."""
PREDICTIONS = "predictions.parquet"


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
    """

    corruption: str
    family: str = ""
    strength: int = 0
    level: str = ""
    accuracy: Estimate
    calibration_error: Estimate | None = None
    flagged: float | None = None


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
        corrupted: The same over all corruptions and strengths.
        sentence: Which of them does better where pictures get worse, if that is beyond chance.
    """

    run: str
    num_images: int
    clean: Estimate
    corrupted: Estimate
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
        mean: Over all corruptions; None where only some were asked for.
        sentence: What was found.
        against: Another run beside this one; None where none was asked for.
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
    folder.mkdir(parents=True, exist_ok=True)
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


def _made_worse(images: ImageSet, corruption: str, strength: int) -> ImageSet:
    opened = images.opened_for_evaluation()
    return opened if corruption == CLEAN else corrupted(opened, corruption, strength)


def _shown(level: object) -> str:
    return ", ".join(f"{one:g}" for one in level) if isinstance(level, tuple) else f"{level:g}"


def mean_of_rows(name: str, folders: Iterable[Path]) -> CorruptionMean:
    """The mean accuracy over rows whose predictions lie in these folders, with an interval over the images.

    Images are drawn with all that was predicted for them, groups whole; where all or none is right, the interval is Wilson's.
    """
    several = [Predictions.read(folder / PREDICTIONS) for folder in folders]
    right = np.mean([one.correct for one in several], axis=0)
    value, groups = float(right.mean()), several[0].groups
    if value in (0.0, 1.0):
        num_groups = len(np.unique(groups))
        return CorruptionMean(name=name, accuracy=wilson(value * num_groups, num_groups))
    generator = generator_for(0, "intervals", "stress")
    draws = bootstrap(lambda weights: weights @ right / weights.sum(axis=1), groups, None, DRAWS, generator)
    return CorruptionMean(name=name, accuracy=percentile_interval(value, draws))


def gain_of(other: str, pairs: Sequence[tuple[Path, Path]]) -> StressGain:
    """How much better another run does, by a paired bootstrap over the images that both predicted, groups whole.

    Args:
        other: The other run's folder.
        pairs: Folders with the predictions of this run and of the other; those of pictures as they are come first.

    Returns:
        The gains with their intervals.

    Raises:
        DataError: The two runs predicted no image in common, or know different classes.
    """
    gains, groups = list[Floats](), np.empty(0, np.int64)
    for own, others in pairs:
        first, second = (Predictions.read(folder / PREDICTIONS) for folder in (own, others))
        places = {name: row for row, name in enumerate(second.names)}
        shared = [row for row, name in enumerate(first.names) if name in places]
        if first.classes != second.classes or not shared:
            raise DataError(f"{other} predicts other classes or other images. Name a run of the same task, or give DATA.")
        same = np.array([places[first.names[row]] for row in shared])
        gains.append(second.correct[same] - first.correct[shared])
        groups = first.groups[shared]
    clean, corrupted_gain = (_paired(values, groups) for values in (gains[0], np.mean(gains[1:], axis=0)))
    points = f"{100 * corrupted_gain.value:+.1f} [{100 * corrupted_gain.low:+.1f}, {100 * corrupted_gain.high:+.1f}] points"
    told = (
        "does better" if corrupted_gain.low > 0 else "does worse" if corrupted_gain.high < 0 else "does not differ beyond chance"
    )
    sentence = f"{other} {told} where pictures get worse: {points} of accuracy on {len(groups):,} images."
    return StressGain(run=other, num_images=len(groups), clean=clean, corrupted=corrupted_gain, sentence=sentence)


def _paired(values: Floats, groups: Integers) -> Estimate:
    generator = generator_for(0, "intervals", "stress gain")
    draws = bootstrap(lambda weights: weights @ values / weights.sum(axis=1), groups, None, DRAWS, generator)
    return percentile_interval(float(values.mean()), draws)
