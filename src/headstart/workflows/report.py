"""Report: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path

from headstart.core.arguments import checked
from headstart.core.language import speaking, spoken
from headstart.data.task import Task
from headstart.export.card import run_card
from headstart.multioutput.run import OutputRun
from headstart.report.html import report_html
from headstart.runs.origin import task_of
from headstart.runs.run import Run
from headstart.runs.run_folder import holds_outputs
from headstart.runs.workspace import REPORT, Workspace
from headstart.workflows.arguments import AnyRun, folder_given
from headstart.workflows.outputs import report_of_outputs


@checked
def report(run: AnyRun, *, language: str | None = None) -> Path:
    """The file `report.html` in a run's folder, written again; without its data it shows only pictures that are files.

    The language is "en" or "zh", or by default that of `HEADSTART_LANGUAGE`; a PlanError lists them.
    """
    if holds_outputs(folder_given(run)):
        with speaking(language):
            loaded = OutputRun.load(run)
            return report_of_outputs(loaded, has_manifest=loaded.manifest is not None)
    run = Run.load(run)
    workspace = Workspace(run.folder)
    with speaking(language):
        write_pages(workspace, run, task_of(run))
    return workspace.path(REPORT)


def write_pages(workspace: Workspace, run: Run, task: Task | None) -> None:
    """Write the report and the model card, which are made of the run's other files."""
    workspace.write_report(report_html(run, task))
    workspace.write_card(run_card(run, task, has_manifest=run.manifest is not None))


def in_language(run: Run, task: Task | None) -> Run:
    """A finished run whose report is in the language that is spoken: written again where it is in another."""
    workspace = Workspace(run.folder)
    path = workspace.path(REPORT)
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if f'<html lang="{spoken().code}">' not in page[:200]:
        write_pages(workspace, run, task)
    return run
