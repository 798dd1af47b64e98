"""`headstart models`: what can be transferred from."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, plain, table

POSITION = 50


def models(
    license_name: Annotated[
        str | None,
        typer.Option(
            "--license", metavar="SPDX", help="Only models with this license, or with a 'permissive' one.", show_default=False
        ),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only models of this provider.", show_default=False)
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the pretrained models; any other timm or torchvision classifier can be named as well."""
    from headstart.workflows.models import models as known_models

    cards = known_models(license=license_name, provider=provider)
    rows = [
        (
            plain(card.name, "bold" if card.available else "dim"),
            f"{card.num_parameters / 1e6:.1f} M" if card.num_parameters else "-",
            str(card.input_pixels),
            card.license,
            f"{card.source_accuracy:.3f}" if card.source_accuracy else "-",
            "yes" if card.available else "no",
        )
        for card in cards
    ]
    columns = ("name", "size", "pixels", "license", "top-1", "here")
    shown = table(columns, rows, right=("size", "pixels", "top-1"))
    answer(as_json, [card.to_dict() for card in cards], shown)
