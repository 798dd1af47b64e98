"""Report: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path

from headstart.report.html import report_html
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.runs.workspace import REPORT, Workspace


def report(run: Run | str | Path) -> Path:
    """The file `report.html` in a run's folder, written again; without its data it shows only pictures that are files."""
    run = Run.load(run)
    workspace = Workspace(run.folder)
    workspace.write_report(report_html(run, task_of(run)))
    return workspace.path(REPORT)
