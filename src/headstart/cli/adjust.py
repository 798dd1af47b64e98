"""`headstart adjust`: one changed plan, kept only if better."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 18


def adjust(
    run: options.RunFolder,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="M", help="Go on until judging took so long; else try one change.", show_default=False),
    ] = None,
    out: options.NewOut = None,
    as_json: options.Json = False,
) -> None:
    """Change what a finished run shows to be wrong, and keep it if held-out images say so."""
    from headstart.cli._improvements import adjustment_view
    from headstart.cli._printing import print_json, show
    from headstart.workflows.adjust import adjust as adjust_run

    better, adjustment = adjust_run(run, minutes=minutes, out=out)
    if as_json:
        print_json({"run": str(better.folder), "sentence": adjustment.sentence, **adjustment.to_dict()})
    else:
        evaluation = better.evaluation.to_dict() if better.evaluation else None
        show(adjustment_view(adjustment.to_dict(), adjustment.sentence, str(better.folder), evaluation))
