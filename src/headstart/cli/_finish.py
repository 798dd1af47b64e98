"""The end of the commands that make a run: its result, then the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from headstart.cli._output_views import summary_of_outputs
from headstart.cli._printing import answer
from headstart.cli._summary import summary_view

if TYPE_CHECKING:
    from headstart.core.findings import Finding
    from headstart.multioutput.run import OutputRun
    from headstart.runs.run import Run


def finish_run(finished: Run | OutputRun, as_json: bool, strict: bool = False) -> None:
    """Print a run's result, and exit with 1 when strict findings say so."""
    from headstart.runs.run import Run

    shown = summary_view(finished) if isinstance(finished, Run) else summary_of_outputs(finished)
    answer(as_json, finished.result, shown)
    if strict:
        exit_on_findings(finished.findings or ())


def exit_on_findings(findings: Iterable[Finding]) -> None:
    """Exit with 1 when there is a warning or an error."""
    if any(finding.severity != "info" for finding in findings):
        raise typer.Exit(1)
