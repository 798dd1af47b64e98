"""Everything that is noteworthy about a task's data."""

from __future__ import annotations

from headstart.checks import CHECKS
from headstart.core.findings import Finding, NotApplicable
from headstart.core.records import Record
from headstart.data.task import Task

ORDER = {"error": 0, "warning": 1, "info": 2}


class Inspection(Record):
    """What checking a task's data found.

    Attributes:
        findings: Of reading and splitting, and of every check, the worst first; equally bad ones in the order of the checks.
        not_applicable: By name of the check, why it had nothing to look at.
    """

    findings: tuple[Finding, ...]
    not_applicable: dict[str, str]


def inspection_of(task: Task) -> Inspection:
    """The result of every check; no test label is read."""
    results = {name: check(task) for name, check in CHECKS.all().items()}
    found = [*task.findings, *(result for result in results.values() if isinstance(result, Finding))]
    return Inspection(
        findings=tuple(sorted(found, key=lambda finding: ORDER[finding.severity])),
        not_applicable={name: result.reason for name, result in results.items() if isinstance(result, NotApplicable)},
    )


def inspect(task: Task) -> list[Finding]:
    """The findings of `inspection_of`."""
    return list(inspection_of(task).findings)
