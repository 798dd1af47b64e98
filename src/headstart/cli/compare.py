"""`headstart compare`: paired differences between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 15


def compare(
    run: options.RunFolder,
    others: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs to compare the first with.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Of the bootstrap.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Compare the first run with each other one on the test images that both saw."""
    from headstart.cli._pairs import compared, pairs_view
    from headstart.cli._printing import print_json, show

    pairs = [compared(run, other, seed) for other in others]
    if as_json:
        print_json({"run": str(run), "pairs": pairs})
    else:
        show(pairs_view(str(run), pairs))
