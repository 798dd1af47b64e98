"""`headstart inspect`: findings about the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._finish import exit_on_findings
from headstart.cli._printing import answer, facts
from headstart.cli._views import findings_view, task_view

POSITION = 10


def inspect(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    test: options.Test = None,
    label_errors: Annotated[
        Path | None,
        typer.Option(
            "--label-errors",
            metavar="FILE.csv",
            help="Assess every label too, by features, and write a manifest to correct, the most suspicious label first.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Find problems of the data: duplicates, leakage, damaged files, class imbalance, sources that do not fit."""
    from headstart.checks.inspection import inspection_of
    from headstart.core.findings import NotApplicable
    from headstart.evaluation.label_error_report import LabelErrors
    from headstart.workflows.arguments import reading_of, task_from
    from headstart.workflows.inspect import assessed_labels
    from headstart.workflows.label_errors import next_step

    task = task_from(data, reading_of(data, source, target_domain, seed, per_class, test))
    inspection = inspection_of(task)
    findings, labels = list(inspection.findings), [("", "")]
    found = {"task": task.summary().to_dict(), **inspection.to_dict()}
    if label_errors is not None:
        assessed = assessed_labels(task, label_errors)
        if isinstance(assessed, NotApplicable):
            found["not_applicable"]["label_errors"] = assessed.reason
            labels = [("Labels", f"not assessed: {assessed.reason}")]
        else:
            findings = [*assessed.findings, *findings]
            without = assessed.without.sentence if assessed.without else ""
            labels = [("Labels", assessed.sentence), ("", without), ("Manifest", str(label_errors))]
            labels.append(("Next", next_step(task, label_errors)))
        found |= {"label_errors": assessed.to_dict() if isinstance(assessed, LabelErrors) else None}
        found["findings"] = [one.to_dict() for one in findings]
    shown = facts([(name, value) for name, value in labels if value])
    answer(as_json, found, task_view(found["task"]), "", findings_view(found["findings"], found["task"]["place"]), "", shown)
    if strict:
        exit_on_findings(findings)
