"""`headstart evaluate`: metrics of a run on labeled images."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._output_views import evaluation_of_outputs
from headstart.cli._printing import answer
from headstart.cli._views import evaluation_view

POSITION = 14


def evaluate(
    run: options.RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Other labeled images. [dim]\\[the run's test images][/dim]", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show every metric of a run with its 95 % interval."""
    from headstart.workflows.evaluate import evaluate as evaluate_run

    evaluation = evaluate_run(run, data).to_dict()
    answer(
        as_json, evaluation, evaluation_of_outputs(evaluation) if "without_images" in evaluation else evaluation_view(evaluation)
    )
