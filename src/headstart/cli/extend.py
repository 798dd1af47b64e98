"""`headstart extend`: a finished run that learns from further images, of new classes too."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 20


def extend(
    run: options.RunFolder,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Labeled images to add; one class suffices. Without: keep what updates need once the run's images are gone.",
            show_default=False,
        ),
    ] = None,
    out: options.NewOut = None,
    as_json: options.Json = False,
) -> None:
    """Add images or classes to a finished run; old classes are measured before and after."""
    from headstart.cli._printing import facts, plain, print_json, show
    from headstart.core.errors import PlanError
    from headstart.workflows.extend import extend as extend_run
    from headstart.workflows.extend import remember

    if data is None and out is not None:
        raise PlanError(f"--out {out} without DATA: nothing new is made to put there. Name images to add, or leave --out out.")
    if data is None:
        kept = remember(run)
        if as_json:
            print_json({"run": str(run), "kept": str(kept)})
        else:
            show(facts([("Kept", plain(str(kept))), ("Next", plain(f"headstart extend {run} MORE_IMAGES"))]))
        return
    made = extend_run(run, data, out=out)
    if as_json:
        print_json(made.result)
        return
    sentence = made.extension.sentence if made.extension else ""
    rows = [("Extended", sentence), ("Run", str(made.folder)), ("Report", f"{made.folder}/report.html")]
    show(facts([(name, plain(text)) for name, text in [*rows, ("Next", f"headstart predict {made.folder} NEW_IMAGES")]]))
