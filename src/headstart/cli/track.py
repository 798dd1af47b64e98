"""`headstart track`: a finished run, written to trackers."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts

POSITION = 18


def track(
    run: options.RunFolder,
    to: Annotated[
        list[str], typer.Option("--to", metavar="NAME", help="tensorboard, mlflow or wandb; repeatable.", show_default=False)
    ],
    as_json: options.Json = False,
) -> None:
    """Write a finished run to a tracker: parameters, metrics with intervals, training curves, candidates, verdict and report.

    `--track NAME` of `run`, `fit`, `adjust`, `search` and `pretrain` writes the same at the end, and curves meanwhile.
    """
    from headstart.workflows.track import track as track_run

    found = [one.to_dict() for one in track_run(run, to)]
    answer(as_json, {"tracked": found}, facts([(one["tracker"], f"{one['identity']} in {one['place']}") for one in found]))
