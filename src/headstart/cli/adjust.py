"""`headstart adjust`: one changed plan, kept only if better."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._improvements import adjustment_view
from headstart.cli._printing import answer

POSITION = 18


def adjust(
    run: options.RunFolder,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="M", help="Go on until trials took so long; else try one change.", show_default=False),
    ] = None,
    out: options.NewOut = None,
    as_json: options.Json = False,
) -> None:
    """Change what a finished run shows to be wrong, and keep it if held-out images say so."""
    from headstart.workflows.adjust import adjust as adjust_run

    better, tried = adjust_run(run, minutes=minutes, out=out)
    evaluation = better.evaluation.to_dict() if better.evaluation else None
    view = adjustment_view(tried.to_dict(), tried.sentence, str(better.folder), evaluation)
    answer(as_json, {"run": str(better.folder), "sentence": tried.sentence, **tried.to_dict()}, view)
