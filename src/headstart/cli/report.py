"""`headstart report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer

POSITION = 17


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs.", show_default=False)],
    as_json: options.Json = False,
) -> None:
    """Write the report.html of each run again, and print where it is."""
    from headstart.workflows.report import report as report_run

    paths = [str(report_run(folder)) for folder in runs]
    answer(as_json, {"reports": paths}, *paths, soft_wrap=True)
