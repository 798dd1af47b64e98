"""`headstart inspect`: findings about the data."""

from __future__ import annotations

from headstart.cli import _options as options

POSITION = 10


def inspect(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Say what is noteworthy about the data: duplicates, leakage, damage, imbalance, domains that do not fit."""
    from headstart.checks.inspection import inspect as inspect_task
    from headstart.cli._finish import exit_on_findings
    from headstart.cli._printing import print_json, show
    from headstart.cli._views import findings_view, task_view
    from headstart.data.reading import read_task

    task = read_task(data, seed, per_class, sources=source or (), target=target_domain or ())
    findings = inspect_task(task)
    plain_findings = [finding.to_dict() for finding in findings]
    if as_json:
        print_json({"task": task.summary().to_dict(), "findings": plain_findings})
    else:
        show(task_view(task.summary().to_dict()), "", findings_view(plain_findings))
    if strict:
        exit_on_findings(findings)
