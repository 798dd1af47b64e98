"""`headstart inspect`: findings about the data."""

from __future__ import annotations

from headstart.cli import _options as options
from headstart.cli._finish import exit_on_findings
from headstart.cli._printing import answer
from headstart.cli._views import findings_view, task_view

POSITION = 10


def inspect(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    test: options.Test = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Find problems of the data: duplicates, leakage, damaged files, class imbalance, sources that do not fit."""
    from headstart.checks.inspection import inspection_of
    from headstart.workflows.arguments import reading_of, task_from

    task = task_from(data, reading_of(data, source, target_domain, seed, per_class, test))
    inspection = inspection_of(task)
    found = {"task": task.summary().to_dict(), **inspection.to_dict()}
    answer(as_json, found, task_view(found["task"]), "", findings_view(found["findings"], found["task"]["place"]))
    if strict:
        exit_on_findings(inspection.findings)
