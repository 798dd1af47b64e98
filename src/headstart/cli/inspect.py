"""`headstart inspect`: findings about the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._finish import exit_on_findings
from headstart.cli._output_views import task_of_outputs
from headstart.cli._printing import answer, facts
from headstart.cli._views import findings_view, task_view

if TYPE_CHECKING:
    from headstart.data.task import Task
    from headstart.evaluation.label_error_report import LabelErrors
    from headstart.multioutput.task import OutputTask

POSITION = 10
LabelErrorsFile = Annotated[
    Path | None,
    typer.Option(
        "--label-errors",
        metavar="FILE.csv",
        help="Assess every label too, by features, and write a manifest to correct, the most suspicious label first.",
        show_default=False,
    ),
]


def inspect(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    test: options.Test = None,
    label_errors: LabelErrorsFile = None,
    numbers: options.Numbers = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Find problems of the data: duplicates, leakage, damaged files, class imbalance, sources that do not fit."""
    from headstart.checks.inspection import inspection_of
    from headstart.multioutput.task import OutputTask
    from headstart.workflows.arguments import reading_of
    from headstart.workflows.task_given import task_or_outputs

    task = task_or_outputs(data, reading_of(data, source, target_domain, seed, per_class, test), numbers)
    if isinstance(task, OutputTask):
        _show_outputs(task, label_errors, as_json, strict)
        return
    inspection = inspection_of(task)
    found = {"task": task.summary().to_dict(), **inspection.to_dict()}
    findings, rows = list(inspection.findings), list[tuple[str, str]]()
    if label_errors is not None:
        assessed, rows = _assessed(task, label_errors)
        found |= {"label_errors": assessed.to_dict() if assessed else None}
        findings = [*(assessed.findings if assessed else ()), *findings]
        found["findings"] = [one.to_dict() for one in findings]
    shown = findings_view(found["findings"], found["task"]["place"])
    answer(as_json, found, task_view(found["task"]), "", shown, *(("", facts(rows)) if rows else ()))
    if strict:
        exit_on_findings(findings)


def _show_outputs(task: OutputTask, label_errors: Path | None, as_json: bool, strict: bool) -> None:
    """What a task of several labels or numbers consists of, with its findings."""
    from headstart.workflows.task_given import refuse

    refuse(task.kind.noun, {"--label-errors": label_errors})
    summary, findings = task.summary().to_dict(), [one.to_dict() for one in task.findings]
    shown = task_of_outputs(summary), "", findings_view(findings, summary["place"])
    answer(as_json, {"task": summary, "findings": findings}, *shown)
    if strict:
        exit_on_findings(task.findings)


def _assessed(task: Task, file: Path) -> tuple[LabelErrors | None, list[tuple[str, str]]]:
    """The labels that look wrong, None where none could be assessed, and what the terminal says of them."""
    from headstart.core.findings import NotApplicable
    from headstart.workflows.inspect import assessed_labels
    from headstart.workflows.label_errors import next_step

    found = assessed_labels(task, file)
    if isinstance(found, NotApplicable):
        return None, [("Labels", f"not assessed: {found.reason}")]
    rows = [("Labels", found.sentence), ("", found.gain_sentence)]
    return found, [row for row in (*rows, ("Manifest", str(file)), ("Next", next_step(task, file))) if row[1]]
