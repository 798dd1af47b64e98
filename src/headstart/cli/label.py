"""`headstart label`: which images of a target to label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, table

POSITION = 12


def label(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    num: Annotated[int, typer.Option(metavar="N", help="How many images to label.")] = 20,
    pretrained: options.FeaturesOf = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            metavar="M",
            help="Budget for all ways to adapt; without it quick closed forms alone, within about a minute.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.csv", help="The manifest to fill in.")] = Path("to_label.csv"),
    as_json: options.Json = False,
) -> None:
    """Choose the images of an unlabeled target whose labels are most useful for choosing an adapted model."""
    from headstart.workflows import label as workflow

    found = workflow.label(
        data, source, num=num, target_domain=target_domain, pretrained=pretrained, minutes=minutes, seed=seed, out=out
    )
    then = workflow.next_step(data, source, target_domain, found, out)
    rows = zip(found.names, found.guesses, strict=True)
    blocks = (table(("image", "guess"), rows), "", facts([("Manifest", str(out)), ("Next", then)]))
    answer(as_json, {"manifest": str(out), **found.to_dict()}, *blocks)
