"""`headstart pretrain`: a backbone from a source domain of one's own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, plain
from headstart.cli._views import accuracy_line

if TYPE_CHECKING:
    from rich.console import RenderableType

POSITION = 14


Kind = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="KIND",
        help="supervised, sim_clr, vic_reg, byol, dino, sim_mim, distillation, or any method that trains a network. "
        "[dim]\\[supervised where there are classes, else sim_clr][/dim]",
        show_default=False,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--pretrained",
        metavar="NAME",
        help="The model to start from. [dim]\\[a small network from scratch][/dim]",
        show_default=False,
    ),
]
Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="A folder, manifest, archive, or built-in set; labels are not needed.", show_default=False
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Processes on the cluster that train together, this one included.", show_default=False),
]


def pretrain(
    source: Source,
    method: Kind = None,
    pretrained: Start = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file of weights for the model, or 'none' (from scratch).", show_default=False),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="M", help="Budget; by default by the number of images.", show_default=False),
    ] = None,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    track: options.Track = None,
    cluster: options.Cluster = None,
    processes: Processes = None,
    as_json: options.Json = False,
) -> None:
    """Train a backbone on your own images, with or without labels, to transfer from later."""
    from headstart.backbones.lineage import lineage_of
    from headstart.workflows.pretrain import pretrain as pretrain_on

    run = pretrain_on(
        source, method=method, pretrained=pretrained, weights=weights, minutes=minutes, settings=options.settings_from(settings),
        seed=seed, out=out, track=track, cluster=cluster, processes=processes,
    )  # fmt: skip
    lineage, name, evaluation = lineage_of(run.folder), f"run:{run.folder}", run.result["evaluation"]
    rows: list[tuple[str, RenderableType]] = [
        ("Learned from", str(lineage)),
        ("Accuracy", accuracy_line(evaluation) if evaluation else "not measured, as there are no classes"),
        ("Model", plain(name, "bold")),
        ("Report", f"{run.folder}/report.html"),
        ("Next", f"headstart rank DATA --pretrained {shlex.quote(name)} --pretrained efficientnet_lite0"),
    ]
    found = {**run.result, "pretrained": name, "lineage": lineage.to_dict() if lineage else None}
    answer(as_json, found, facts(rows))
