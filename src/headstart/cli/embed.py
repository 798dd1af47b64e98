"""`headstart embed`: features of images in a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts

POSITION = 21


def embed(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="A .npz or .parquet file.", show_default=False)],
    pretrained: options.FeaturesOf = None,
    pixels: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Side of the input square in pixels; by default it follows from the images.",
            show_default=False,
        ),
    ] = None,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
) -> None:
    """Write the features of images into a file that every command reads in place of the images."""
    from headstart.workflows.embed import embed as embed_images

    num_rows = embed_images(data, out, pretrained=pretrained, pixels=pixels, cluster=cluster)
    rows = [("Features", str(out)), ("Images", f"{num_rows:,}"), ("Next", f"headstart run {shlex.quote(str(out))}")]
    answer(as_json, {"file": str(out), "num_images": num_rows}, facts(rows))
