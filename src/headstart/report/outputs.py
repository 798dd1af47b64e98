"""What the report of a run of several labels or numbers shows."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

from headstart.core.spacing import evenly_spaced
from headstart.evaluation.slices import all_attributes
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.run import OutputRun
from headstart.report.axis import Axis

MOST_DOTS = 600
"""Images of the scatter plot, evenly spaced."""
LEFT, SIDE, BOTTOM = 50.0, 360.0, 370.0
"""Of the plot within its figure, in units of the view box."""


class Scatter(NamedTuple):
    """Predicted against true numbers.

    Attributes:
        ticks: Place from the lower left corner, and label.
        dots: x, y, the ends of the interval, and what is said of the image.
    """

    ticks: tuple[tuple[float, str], ...]
    dots: tuple[tuple[float, float, float, float, str], ...]


def report_values(run: OutputRun) -> dict[str, Any]:
    """The values of the template `outputs`."""
    decision, evaluation, metrics = run.decision, run.evaluation, metrics_for(run.evaluation.kind)
    kind = run.model.kind
    fitted = [result.primary for result in decision.results if result.primary is not None]
    gains = [made.primary_gain for made in decision.comparisons]
    return {
        "run": run,
        "task": run.summary,
        "headline": _headline(run),
        "decision": decision,
        "evaluation": evaluation,
        "metrics": metrics,
        "primary": metrics[kind.primary],
        "kind": kind,
        "primary_axis": Axis.over([end for one in fitted for end in (one.low, one.high)]),
        "gain_axis": Axis.over([0.0, *(end for one in gains for end in (one.low, one.high))]),
        "unit_axis": Axis(0.0, 1.0, (0.0, 1.0)),
        "rows": sorted(evaluation.per_output, key=lambda row: row.f1.value if row.f1 else 2.0),
        "scatter": scatter_of(run.predictions) if kind.noun == "numbers" else None,
        "attributes": all_attributes(),
        "worse": tuple((one, None) for one in evaluation.slices.worse) if evaluation.slices else (),
        "folder": shlex.quote(str(run.folder)),
    }


def _headline(run: OutputRun) -> str:
    chosen = next((one.candidate for one in run.decision.results if one.name == run.decision.chosen), None)
    return {
        "transfer": f"Transfer from {chosen.pretrained if chosen else ''}",
        "scratch": "Transfer does not help",
        "no difference": "No difference that these labels can show",
        "not judged": "Not judged: one side was not tried",
    }[run.decision.verdict]


def scatter_of(predictions: OutputPredictions) -> Scatter:
    """The drawing of the first output of evaluated images."""
    rows = evenly_spaced(len(predictions), MOST_DOTS)
    shown = predictions.take(rows)
    low = shown.values if shown.low is None else shown.low
    high = shown.values if shown.high is None else shown.high
    axis = Axis.over([*shown.targets[:, 0].tolist(), *shown.values[:, 0].tolist()])

    def y(value: float) -> float:
        return round(BOTTOM - SIDE * axis.at(value), 1)

    dots = tuple(
        (round(LEFT + SIDE * axis.at(true), 1), y(value), y(least), y(most), f"{name}: {value:.4g}, true {true:.4g}")
        for name, true, value, least, most in zip(
            shown.names, *(part[:, 0].tolist() for part in (shown.targets, shown.values, low, high)), strict=True
        )
    )
    return Scatter(tuple((round(10 + SIDE * axis.at(tick), 1), f"{tick:g}") for tick in axis.ticks), dots)
