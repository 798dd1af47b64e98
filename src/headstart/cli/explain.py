"""`headstart explain`: where a model looked, and which training images speak for its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, said, table, told
from headstart.cli._rows import paths_from

if TYPE_CHECKING:
    from headstart.attribution.explanation import Explanation

POSITION = 16


def explain(
    run: options.RunFolder,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Images, folders, or - for paths on stdin.", show_default=False),
    ],
    by: Annotated[str, typer.Option(metavar="NAME", help="How: rise, occlusion, integrated_grad_cam or grad_cam.")] = "rise",
    label: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS", help="Ask why an image could be of this class. [dim]\\[the predicted one][/dim]", show_default=False
        ),
    ] = None,
    num: Annotated[int, typer.Option(min=0, metavar="N", help="How many training images to name for each image.")] = 5,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder to write to. [dim]\\[RUN/explained][/dim]", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show where in images a model looked, and which training images speak for its answers.

    Writes each map over its picture as a PNG file, and `explained.json`. Maps are checked by deletion curves: the probability has
    to fall sooner where places are replaced in the order of the map than in a random one. A file that cannot be read is left out,
    with exit code 1.
    """
    from headstart.workflows.explain import explain as explain_images

    found = explain_images(run, paths_from(paths), by=by, label=label, num=num, out=out)
    columns = ("image", "label", "probability", "area", "random", "training images")
    rows = table(columns, map(_cells, found.explanations), right=("probability", "area", "random"))
    where = facts([("Maps", found.folder), ("Examples", found.nearest)] if found.nearest else [("Maps", found.folder)])
    answer(as_json, found.to_dict(), said(found.sentence, style="bold"), "", rows, "", where)
    for path, problem in found.unreadable.items():
        told(f"{path}: {problem}")
    if found.unreadable:
        raise typer.Exit(1)


def _cells(one: Explanation) -> tuple[str, ...]:
    numbers = (f"{value:.3f}" for value in (one.probability, one.deletion_area, one.random_area))
    counts = {near.label: sum(other.label == near.label for other in one.nearest) for near in one.nearest}
    return (one.path, one.label, *numbers, ", ".join(f"{count} {label}" for label, count in counts.items()) or "–")
