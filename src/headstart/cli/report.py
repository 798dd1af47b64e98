"""`headstart report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 17


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs.", show_default=False)],
    as_json: options.Json = False,
) -> None:
    """Write each run's report.html again and say where it is."""
    from headstart.applying import task_of
    from headstart.cli._printing import plain, print_json, show
    from headstart.report.html import write_report
    from headstart.runs import Run

    paths = []
    for folder in runs:
        path = folder / "report.html"
        loaded = Run.load(folder)
        write_report(loaded, path, task_of(loaded))
        paths.append(str(path))
    if as_json:
        print_json({"reports": paths})
    else:
        show(*(plain(path) for path in paths), soft_wrap=True)
