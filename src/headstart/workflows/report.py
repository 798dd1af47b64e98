"""Report: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path

from headstart.core.arguments import checked
from headstart.core.language import ENGLISH
from headstart.data.task import Task
from headstart.report.html import report_html
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.runs.workspace import REPORT, Workspace
from headstart.workflows.arguments import AnyRun


@checked
def report(run: AnyRun, *, language: str = ENGLISH) -> Path:
    """The file `report.html` in a run's folder, written again; without its data it shows only pictures that are files.

    The language is "en" or "zh"; a PlanError lists them.
    """
    run = Run.load(run)
    workspace = Workspace(run.folder)
    workspace.write_report(report_html(run, task_of(run), language))
    return workspace.path(REPORT)


def in_language(run: Run, task: Task | None, language: str) -> Run:
    """A finished run whose report is in that language: written again where it is in another."""
    workspace = Workspace(run.folder)
    path = workspace.path(REPORT)
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if f'<html lang="{language}">' not in page[:200]:
        workspace.write_report(report_html(run, task, language))
    return run
