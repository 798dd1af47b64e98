"""`headstart runs`: finished and unfinished runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 53


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the runs lie.")] = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """List the runs of a folder with their verdicts."""
    from headstart.cli._printing import interval, plain, print_json, show, table
    from headstart.runs.run import damaged_runs, list_runs

    for place, damage in damaged_runs(folder).items():
        typer.echo(f"warning: {place} is left out: {damage}", err=True)
    results = [(str(run.folder), run.plan, run.result) for run in list_runs(folder)]
    if as_json:
        print_json([{"folder": place, **result} for place, _, result in results])
        return
    rows = []
    for place, plan, result in results:
        accuracy = (result.get("evaluation") or {}).get("metrics", {}).get("accuracy")
        shown = f"{accuracy['value']:.3f}" if accuracy else "-"
        adapted = f"{plan.method['kind']} of {plan.pretrained}"
        rows.append((plain(place, "bold"), plain(result.get("verdict") or "-"), plain(adapted), shown, interval(accuracy)))
    if not rows:
        show(plain(f"No runs in {folder}. `headstart run DATA` makes one."))
        return
    show(table(("run", "verdict", "plan", "accuracy", "95 % interval"), rows, right=("accuracy",)))
