"""`headstart runs`: finished and unfinished runs in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._audit_views import history_view
from headstart.cli._output_views import list_of_outputs
from headstart.cli._printing import answer, interval, plain, said, table, told

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.runs.run import Run
    from headstart.runs.unfinished import UnfinishedRun

POSITION = 53


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder that contains the runs.")] = Path("runs"),
    audit: Annotated[
        bool, typer.Option("--audit", help="Say instead how well the rankings of these runs did, by their fits.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the runs of a folder with their verdicts, and those that are not finished.

    With --audit the order of each run's ranking is held against its fits: how often a network was the best, and what the
    ranking's first, or always taking one network, cost. No ranking reads this, so that a command gives the same plan again.
    """
    from headstart.multioutput.run import list_output_runs
    from headstart.runs.finished import damaged_runs, list_runs
    from headstart.runs.unfinished import unfinished_runs
    from headstart.workflows.runs import audit_runs

    for place, damage in damaged_runs(folder).items():
        told(f"warning: {place} is left out: {damage}")
    if audit:
        history = audit_runs(folder)
        shown = history_view(history.to_dict()) if history else f"No run in {folder} fitted two ranked networks alike."
        answer(as_json, history.to_dict() if history else None, shown)
        return
    found, outputs, unfinished = list_runs(folder), list_output_runs(folder), unfinished_runs(folder)
    results = [{"folder": str(run.folder), "state": "finished", **run.result} for run in found]
    results += [{"folder": str(run.folder), "state": "finished", **run.result} for run in outputs]
    results += [{"folder": str(run.folder), "state": run.state, "advice": run.advice} for run in unfinished]
    if not results:
        answer(as_json, results, f"No runs in {folder}. `headstart run DATA` makes one.")
        return
    answer(as_json, results, *_listed(folder, found), *list_of_outputs(outputs), *_unfinished(unfinished))


def _listed(folder: Path, found: Sequence[Run]) -> Iterator[RenderableType]:
    """One line a run, with the settings in which runs of the same plan differ."""
    if not found:
        return
    rows, about = [], 0
    for run, differs in zip(found, differences([facts_of(run) for run in found]), strict=True):
        accuracy, estimated = accuracy_of(run)
        shown = f"{'~' if estimated else ''}{accuracy['value']:.3f}" if accuracy else "-"
        about += estimated
        kinds = run.adaptation.chosen if run.adaptation else (run.plan.method["kind"],)
        words = [f"{' + '.join(kinds)} of {run.plan.pretrained}", *differs]
        plan = str(said(", ")).join(one if one == run.task_summary.name else str(said(one)) for one in words)
        rows.append((plain(run.folder.name, "bold"), said(run.result["verdict"] or "-"), plan, shown, interval(accuracy)))
    columns = ("run", "verdict", "plan", "accuracy", "95 % interval")
    yield table(columns, rows, right=("accuracy",), title=f"Runs in {folder}")
    if about:
        yield said("~ is estimated from the confidence of predictions, without target labels.", style="dim")


def accuracy_of(run: Run) -> tuple[dict[str, float] | None, bool]:
    """The accuracy that was measured, or else estimated where the run adapted, and whether it is estimated; None without one."""
    if run.evaluation is not None:
        return run.evaluation.accuracy.to_dict(), False
    return (run.adaptation.likely_accuracy.to_dict(), True) if run.adaptation else (None, False)


def _unfinished(runs: Sequence[UnfinishedRun]) -> Iterator[RenderableType]:
    """One line a run that was interrupted or broke down, with what goes on with it."""
    if runs:
        rows = [(plain(run.folder.name, "bold"), said(run.state), said(run.advice)) for run in runs]
        yield from ("", table(("run", "state", "to go on"), rows, title="Not finished"))


def facts_of(run: Run) -> dict[str, str]:
    """What may tell runs of one plan apart, as words, by what it is about."""
    plan, task = run.plan, run.task_summary
    models = 1 + len(plan.partners)
    return {
        "data": task.name,
        "labels": f"{task.num_train + task.num_validation:,} labels",
        "sources": f"source {' and '.join(task.source_domains)}" if task.source_domains else "",
        "models": f"{models} models" if models > 1 else "one model",
        "pixels": f"{plan.input_pixels} pixels",
        "weights": "from scratch" if plan.weights == "none" else "",
        "settings": ", ".join(f"{key} = {value}" for key, value in plan.method.items() if key != "kind"),
        "seed": f"seed {task.seed}",
    }


def differences(facts: Sequence[dict[str, str]]) -> list[list[str]]:
    """The facts of each run that not all runs share.

    >>> differences([{"seed": "seed 0", "data": "a"}, {"seed": "seed 1", "data": "a"}])
    [['seed 0'], ['seed 1']]
    """
    vary = [key for key in (facts[0] if facts else ()) if len({one[key] for one in facts}) > 1]
    return [[one[key] for key in vary if one[key]] for one in facts]
