"""Label budget: what more labels, or unlabeled images, would buy, as records."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, renamed

FEWEST_ROWS = 40
"""With fewer labels, a quarter of a fold's rows is under ten. Chosen, not measured."""
FEWEST_A_CLASS = 5
"""Labels a class on average, so that a quarter of a fold has one of each. Emoji with 5 labels a class were among what was
measured."""


class CurvePoint(Record):
    """Error of models that were fitted to a number of labeled rows: mean over folds, and their standard deviation."""

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("spread", "std"),)
    num_rows: int
    error: float
    std: float


class ExpectedError(Record):
    """The error that the curve expects at a number of labels, with a 95 % interval."""

    num_labels: int
    error: Estimate


class Forecast(Record):
    """What a multiple of the labels would give.

    Attributes:
        factor: The multiple.
        num_labels: Labels there would be.
        accuracy: To expect with so many, with a 95 % interval for one such model.
        gain: That accuracy minus the present one, likewise.
    """

    factor: float
    num_labels: int
    accuracy: Estimate
    gain: Estimate


class UnlabeledGain(Record):
    """What unlabeled images bring to a head on frozen features.

    Attributes:
        method: Kind that learns from them.
        against: Kind that does not, on the same features.
        num_labels: Labels that both learn from in each fold.
        num_unlabeled: Unlabeled images that the first learns from, too.
        hidden: Whether these are labeled images whose labels were hidden, as there are no others.
        gain: Accuracy of the first minus that of the second on the same held-out rows, with a 95 % interval.
    """

    method: str
    against: str
    num_labels: int
    num_unlabeled: int
    hidden: bool
    gain: Estimate

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        gain = f"{100 * self.gain.value:+.1f} points [{100 * self.gain.low:+.1f}, {100 * self.gain.high:+.1f}]"
        if self.hidden:
            return (
                f"{self.num_unlabeled:,} images without labels beside {self.num_labels:,} labels, measured by hiding labels that "
                f"there are, bring {gain} of accuracy ({self.method} against {self.against} on the same features)."
            )
        return (
            f"The {self.num_unlabeled:,} unlabeled images bring {gain} of accuracy beside {self.num_labels:,} labels "
            f"({self.method} against {self.against} on the same features)."
        )


def _of_ridge(values: dict[str, Any]) -> dict[str, Any]:
    """Earlier versions fitted asymptote + slope / sqrt(n) to the leave-one-out errors of the ridge head alone."""
    if "asymptote" not in values:
        return values
    now, four, alpha, eta = values["now"], values["four_times"], values["asymptote"], values["slope"]
    num = max(point["num_rows"] for point in values["points"]) if values["points"] else 1
    gain = {
        "value": now["value"] - four["value"],
        "low": now["value"] - four["high"],
        "high": now["value"] - four["low"],
    }
    sizes = [round(num * factor) for factor in (0.25, 0.5, 1, 2, 4)]
    errors = [min(1.0, alpha + eta / math.sqrt(max(size, 1))) for size in sizes]
    return {
        "points": values["points"],
        "recipe": "the ridge head",
        "exact": False,
        "num_labels": num,
        "now": now,
        "forecasts": [
            {
                "factor": 4.0,
                "num_labels": 4 * num,
                "accuracy": {"value": 1 - four["value"], "low": 1 - four["high"], "high": 1 - four["low"]},
                "gain": gain,
            }
        ],
        "expected": [
            {"num_labels": size, "error": {"value": error, "low": error, "high": error}}
            for size, error in zip(sizes, errors, strict=True)
        ],
        "sentence": values["sentence"],
    }


class LearningCurve(Record):
    """The error against the number of labels, measured by refitting to parts of them, and continued to more.

    Attributes:
        points: What was measured, out of fold.
        recipe: What was refitted.
        exact: Whether that is the chosen model; else the curve of another one is scaled to the error of the chosen model.
        num_labels: Labels there are.
        now: Error expected of the chosen model, which learns from all of them.
        forecasts: What more labels would give, the smallest multiple first.
        expected: The fitted curve, for drawing.
        sentence: What to tell a person.
        unlabeled: What unlabeled images bring; None where that was not measured.
        no_unlabeled: Why that was not measured; empty where it was.
        bias: What the choice among candidates, by the same images, added to the measured accuracies; it is taken off all that is
            expected, and not off `points`.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_of_ridge,)
    points: tuple[CurvePoint, ...]
    recipe: str
    exact: bool
    num_labels: int
    now: Estimate
    forecasts: tuple[Forecast, ...]
    expected: tuple[ExpectedError, ...]
    sentence: str
    unlabeled: UnlabeledGain | None = None
    no_unlabeled: str = ""
    bias: float = 0.0

    @property
    def last(self) -> Forecast:
        """The forecast of the largest multiple."""
        return self.forecasts[-1]


def enough_labels(num_labels: int, num_classes: int) -> bool:
    """Whether so many labels suffice for a curve."""
    return num_labels >= max(FEWEST_ROWS, FEWEST_A_CLASS * num_classes)
