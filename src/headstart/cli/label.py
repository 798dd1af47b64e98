"""`headstart label`: which images of a target to label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 12


def label(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    num: Annotated[int, typer.Option(metavar="N", help="How many images to label.")] = 20,
    pretrained: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What looks at the images. [dim]\\[the first that is here][/dim]", show_default=False),
    ] = None,
    minutes: options.Minutes = None,
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.csv", help="The manifest to fill in.")] = Path("to_label.csv"),
    as_json: options.Json = False,
) -> None:
    """Choose the target images whose labels tell most about how to adapt a source to it."""
    from headstart.cli._printing import facts, plain, print_json, show, table
    from headstart.workflows import label as labeling

    found = labeling.label(
        data, source, num=num, target_domain=target_domain, pretrained=pretrained, minutes=minutes, seed=seed, out=out
    )
    if as_json:
        print_json({"manifest": str(out), **found.to_dict()})
        return
    show(table(("image", "guess"), [(plain(name), plain(guess)) for name, guess in zip(found.names, found.guesses, strict=True)]))
    then = labeling.next_step(data, source, target_domain, found, out)
    show("", facts([("Manifest", plain(str(out))), ("Next", plain(then))]))
