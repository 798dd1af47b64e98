"""All that is known to be noteworthy about a task's data."""

from __future__ import annotations

from headstart.checks import CHECKS
from headstart.core.findings import Finding
from headstart.data.task import Task

ORDER = {"error": 0, "warning": 1, "info": 2}


def inspect(task: Task) -> list[Finding]:
    """The findings of reading and splitting, and of every check, the worst first.

    Args:
        task: The task; its test labels are not read.

    Returns:
        The findings; equally bad ones in the order in which they were noticed.
    """
    noticed = [check(task) for check in CHECKS.all().values()]
    findings = [*task.findings, *(finding for finding in noticed if finding is not None)]
    return sorted(findings, key=lambda finding: ORDER[finding.severity])
