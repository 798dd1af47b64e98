"""`headstart stress`: how a model does where pictures get worse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, interval, said, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.core.estimate import Estimate
    from headstart.evaluation.stress import StressRow

POSITION = 15


def stress(
    run: options.RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="Other labeled images. [dim]\\[the run's own, not learned from][/dim]", show_default=False
        ),
    ] = None,
    corruption: Annotated[
        list[str] | None,
        typer.Option("--corruption", metavar="NAME", help="Try this one; repeatable. [dim]\\[all][/dim]", show_default=False),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Another run, to compare with by a paired test.", show_default=False)
    ] = None,
    robust: Annotated[
        bool,
        typer.Option("--robust", help="Try a more robust form of the run's plan, too, and write its plan if it does better."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Make pictures worse in twenty-one ways, and show accuracy, calibration and what is flagged as unknown."""
    from headstart.data.corruptions import title_of
    from headstart.runs.run import Run
    from headstart.workflows.stress import page_of
    from headstart.workflows.stress import stress as stress_run

    found = stress_run(run, data, corruption=corruption, against=against, robust=robust)
    rows = [_cells("as they are", found.clean.accuracy, [found.clean])]
    rows += [
        _cells(title_of(one.name), one.accuracy, [row for row in found.rows if row.corruption == one.name]) for one in found.means
    ]
    columns = ("pictures", "accuracy", "95 % interval", "calibration error", "flagged")
    shown = table(columns, rows, right=("accuracy", "calibration error", "flagged"))
    compared = [("Against", found.against.sentence)] if found.against else []
    compared += [("Robust form", found.robust.sentence)] if found.robust else []
    where = facts([("Basis", found.basis), *compared, ("Report", f"{run}/{page_of(Run.load(run), found)}")])
    answer(as_json, found.to_dict(), said(found.sentence, style="bold"), "", shown, "", where)


def _cells(name: str, accuracy: Estimate, rows: list[StressRow]) -> tuple[RenderableType, ...]:
    """Accuracy, mean calibration error and mean share flagged of several strengths."""
    errors = [row.calibration_error.value for row in rows if row.calibration_error]
    flagged = [row.flagged for row in rows if row.flagged is not None]
    shares = (f"{sum(values) / len(values):.3f}" if values else "–" for values in (errors, flagged))
    return (said(name), f"{accuracy.value:.3f}", interval(accuracy.to_dict()), *shares)
