"""`headstart extend`: a finished run that learns from further images, of new classes too."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts
from headstart.core.errors import PlanError

POSITION = 20


def extend(
    run: options.RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Labeled images to add; one class is enough. Without: write the sums that replace the run's own images.",
            show_default=False,
        ),
    ] = None,
    out: options.NewOut = None,
    as_json: options.Json = False,
) -> None:
    """Add images or classes to a finished run, and measure the accuracy on the old classes before and after."""
    from headstart.runs.suggesting import predict_command
    from headstart.workflows.extend import extend as extend_run
    from headstart.workflows.extend import remember

    if data is None and out is not None:
        raise PlanError(f"--out {out} without DATA: no new run is made. Name images to add, or leave --out out.")
    if data is None:
        statistics = str(remember(run))
        answer(
            as_json,
            {"run": str(run), "kept": statistics},
            facts([("Kept", statistics), ("Next", f"headstart extend {run} MORE_IMAGES")]),
        )
        return
    made = extend_run(run, data, out=out)
    rows = [
        ("Extended", made.extension.sentence if made.extension else ""),
        ("Run", str(made.folder)),
        ("Report", f"{made.folder}/report.html"),
        ("Next", predict_command(made.folder, pictures=made.task_summary.native_pixels > 0)),
    ]
    answer(as_json, made.result, facts(rows))
