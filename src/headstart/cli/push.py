"""`headstart push`: a run's model as a repository."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts

POSITION = 18


def push(
    run: options.RunFolder,
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="A folder, or hf://OWNER/NAME on the Hugging Face hub.", show_default=False)
    ],
    license: Annotated[  # noqa: A002
        str | None,
        typer.Option(metavar="NAME", help="The license to state; that of the weights unless given.", show_default=False),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Let a repository that is made on the hub be public.")] = False,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Allow a model that keeps training pictures, reduced to a few pixels.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Write a run's model as a repository of the Hugging Face hub: weights, configuration and model card.

    No picture, file name or path of the data is written. On the hub a new repository is private.
    """
    from headstart.workflows.push import push as push_run

    made = push_run(run, place, license=license, public=public, thumbnails=thumbnails).to_dict()
    rows = [
        ("repository", made["place"]),
        ("license", made["license"]),
        ("files", f"{len(made['files'])}, {made['num_bytes'] / 1e6:.1f} MB"),
    ]
    answer(as_json, made, facts(rows))
