"""`headstart runs`: finished and unfinished runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._audit_views import history_view
from headstart.cli._printing import answer, interval, plain, table

POSITION = 53


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder that contains the runs.")] = Path("runs"),
    audit: Annotated[
        bool, typer.Option("--audit", help="Say instead how well the rankings of these runs did, by their fits.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the runs of a folder with their verdicts.

    With --audit the order of each run's ranking is held against its fits: how often a network was the best, and what the
    ranking's first, or always taking one network, cost. No ranking reads this, so that a command gives the same plan again.
    """
    from headstart.runs.run import damaged_runs, list_runs
    from headstart.workflows.runs import audit_runs

    for place, damage in damaged_runs(folder).items():
        typer.echo(f"warning: {place} is left out: {damage}", err=True)
    if audit:
        history = audit_runs(folder)
        shown = history_view(history.to_dict()) if history else f"No run in {folder} fitted two ranked networks alike."
        answer(as_json, history.to_dict() if history else None, shown)
        return
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
