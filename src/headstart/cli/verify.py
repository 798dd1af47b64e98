"""`headstart verify`: whether a run is what its manifest says, and the files of other folders are sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, said, table

if TYPE_CHECKING:
    from rich.console import RenderableType

POSITION = 17
MOST_SHOWN = 20
"""Mismatches of one kind that are told one by one; `--json` has all."""


def verify(
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="A run, gallery, study, model or bundle, or the cache.", show_default=False)
    ],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Where the images lie now. [dim]\\[where they lay][/dim]", show_default=False),
    ] = None,
    no_repair: Annotated[
        bool, typer.Option("--no-repair", help="Delete nothing: damaged files that can be made again are only named.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check a run against its manifest: files, images, labels, weights and versions, each by its hash.

    A gallery, study, model, bundle or the cache ("cache") is checked by the checksums in its files. Damaged files of a cache or
    of finished steps are deleted, and are made again when they are needed. Exit code 1 where something is not as it was written.
    """
    from headstart.workflows.verify import verify as verify_run

    found = verify_run(place, data, repair=not no_repair)
    rows = [
        (said(kind.name), f"{kind.num_checked:,}", f"{len(kind.mismatches):,}", f"{kind.num - kind.num_checked:,}")
        for kind in found.kinds
    ]
    numbers = ("checked", "different", "not checked")
    blocks: list[RenderableType] = [said(found.sentence, style="bold"), "", table(("kind", *numbers), rows, right=numbers)]
    for mismatches in filter(None, (kind.mismatches for kind in found.kinds)):
        blocks += ["", *(said(one.sentence) for one in mismatches[:MOST_SHOWN])]
        left = len(mismatches) - MOST_SHOWN
        blocks += [said(f"{left:,} more of this kind; --json names all.")] if left > 0 else []
    if found.manifest:
        blocks += ["", facts([("Manifest", f"SHA-256 {found.manifest}")])]
    answer(as_json, {**found.to_dict(), "same": found.same, "sentence": found.sentence}, *blocks)
    if not found.same:
        raise typer.Exit(1)
