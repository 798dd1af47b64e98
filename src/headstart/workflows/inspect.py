"""Inspect: what is noteworthy about the data."""

from __future__ import annotations

from headstart.checks import inspection
from headstart.core.arguments import checked
from headstart.core.findings import Finding
from headstart.workflows.arguments import Data, Domains, Places, reading_of, task_from


@checked
def inspect(
    data: Data,
    *,
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
) -> list[Finding]:
    """The findings about a task, or about the data in a place, the worst first; test labels are not read."""
    return inspection.inspect(task_from(data, reading_of(data, source, target_domain, seed, per_class, test)))
