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
    from headstart.cli._printing import plain, print_json, stdout
    from headstart.report.html import write_report
    from headstart.runs import Run

    paths = []
    for folder in runs:
        path = folder / "report.html"
        write_report(Run.load(folder), path)
        paths.append(str(path))
    if as_json:
        print_json({"reports": paths})
    else:
        stdout().print(*(plain(path) for path in paths), sep="\n", soft_wrap=True)
