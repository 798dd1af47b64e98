"""`headstart adjust`: changed plans, each kept only if it is better."""

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
        typer.Option(
            min=0.01,
            metavar="M",
            help="Try changes until they took M minutes in all; without it, try one change.",
            show_default=False,
        ),
    ] = None,
    distill: Annotated[
        bool,
        typer.Option(
            "--distill",
            help="Put one network in the place of an ensemble, where it loses no more than --margin.",
            show_default=False,
        ),
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="Accuracy that one network may lose, at the lower end of its interval; 0.02 unless given.",
            show_default=False,
        ),
    ] = None,
    out: options.NewOut = None,
    track: options.Track = None,
    as_json: options.Json = False,
) -> None:
    """Find faults of a finished run, change its plan, and keep a change only if a paired test on held-out images supports it."""
    from headstart.workflows.adjust import adjust as adjust_run

    better, tried = adjust_run(run, minutes=minutes, distill=distill, margin=margin, out=out, track=track)
    evaluation = better.evaluation.to_dict() if better.evaluation else None
    pictures = better.task_summary.native_pixels > 0
    view = adjustment_view(tried.to_dict(), tried.sentence, str(better.folder), evaluation, pictures=pictures)
    answer(as_json, {"run": str(better.folder), "sentence": tried.sentence, **tried.to_dict()}, view)
