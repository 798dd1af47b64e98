"""`headstart evaluate`: metrics of a run on labeled images."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 14


def evaluate(
    run: options.RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Other labeled images. [dim]\\[the run's test images][/dim]", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show every metric with its 95 % interval."""
    from headstart.applying import check_classes, evaluate_on
    from headstart.cli._printing import print_json, show
    from headstart.cli._views import evaluation_view
    from headstart.core.errors import DataError
    from headstart.runs import Run

    loaded = Run.load(run)
    check_classes(loaded, "evaluate")
    evaluation = evaluate_on(loaded, data) if data else loaded.evaluation
    if evaluation is None:
        raise DataError(f"{run} was fitted without test images. Name labeled images: headstart evaluate {run} DATA.")
    if as_json:
        print_json(evaluation.to_dict())
    else:
        show(evaluation_view(evaluation.to_dict()))
