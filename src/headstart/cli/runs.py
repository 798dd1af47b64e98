"""`headstart runs`: finished and unfinished runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, interval, plain, table

POSITION = 53


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder that contains the runs.")] = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """List the runs of a folder with their verdicts."""
    from headstart.runs.run import damaged_runs, list_runs

    for place, damage in damaged_runs(folder).items():
        typer.echo(f"warning: {place} is left out: {damage}", err=True)
    found = list_runs(folder)
    rows = []
    for run in found:
        accuracy = (run.result["evaluation"] or {}).get("metrics", {}).get("accuracy")
        shown = f"{accuracy['value']:.3f}" if accuracy else "-"
        adapted = f"{run.plan.method['kind']} of {run.plan.pretrained}"
        rows.append((plain(run.folder, "bold"), run.result["verdict"] or "-", adapted, shown, interval(accuracy)))
    listed = table(("run", "verdict", "plan", "accuracy", "95 % interval"), rows, right=("accuracy",))
    results = [{"folder": str(run.folder), **run.result} for run in found]
    answer(as_json, results, listed if rows else f"No runs in {folder}. `headstart run DATA` makes one.")
