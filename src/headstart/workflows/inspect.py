"""Inspect: what is noteworthy about the data."""

from __future__ import annotations

from pathlib import Path

from headstart.checks import inspection
from headstart.core.arguments import AnyPath, checked
from headstart.core.findings import Finding, NotApplicable
from headstart.data.task import Task
from headstart.evaluation.label_error_report import LabelErrors
from headstart.multioutput.task import OutputTask
from headstart.workflows.arguments import Data, Domains, Places, reading_of
from headstart.workflows.label_errors import assessed_anew, check_free, write_manifest
from headstart.workflows.task_given import refuse, task_or_outputs


@checked
def inspect(
    data: Data,
    *,
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    label_errors: AnyPath | None = None,
    numbers: str | None = None,
) -> list[Finding]:
    """The findings about a task, or about the data in a place, the worst first; test labels are not read.

    With `label_errors`, the path of a manifest to write, every label is assessed too, by features that are extracted where they
    are missing; labels that look wrong are a finding, and the manifest is to be corrected and run on.
    """
    task = task_or_outputs(data, reading_of(data, source, target_domain, seed, per_class, test), numbers)
    if isinstance(task, OutputTask):
        refuse(task.kind.noun, {"label_errors": label_errors})
        return list(task.findings)
    found = inspection.inspect(task)
    assessed = None if label_errors is None else assessed_labels(task, Path(label_errors))
    return [*(assessed.findings if isinstance(assessed, LabelErrors) else ()), *found]


def assessed_labels(task: Task, file: Path) -> LabelErrors | NotApplicable:
    """The labels that look wrong, and the manifest to correct; why they could not be assessed, and no manifest."""
    check_free(file)
    found = assessed_anew(task)
    if isinstance(found, NotApplicable):
        return found
    write_manifest(found, file)
    return found.record()
