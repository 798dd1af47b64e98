"""`headstart pretrain`: a backbone from a source domain of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options

if TYPE_CHECKING:
    from headstart.runs.run import Run

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


def pretrain(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A folder, manifest, archive, or built-in set; labels are not needed.", show_default=False
        ),
    ],
    method: Kind = None,
    pretrained: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The model to go on from. [dim]\\[a small network from scratch][/dim]", show_default=False
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file of weights for the model, or 'none' (from scratch).", show_default=False),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="M", help="How long it may take; by default as the data need.", show_default=False),
    ] = None,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Train a backbone on pictures of your own, with or without labels, to transfer from later."""
    from headstart.workflows.pretrain import pretrain as pretrained_on

    run = pretrained_on(
        source, method=method, pretrained=pretrained, weights=weights, minutes=minutes, settings=options.settings_from(settings),
        seed=seed, out=out,
    )  # fmt: skip
    _show(run, as_json)


def _show(run: Run, as_json: bool) -> None:
    from headstart.backbones.lineage import lineage_of
    from headstart.cli._printing import facts, plain, print_json, show
    from headstart.cli._views import accuracy_line

    lineage, name = lineage_of(run.folder), f"run:{run.folder}"
    if as_json:
        print_json({**run.result, "pretrained": name, "lineage": lineage.to_dict() if lineage else None})
        return
    evaluation = run.result["evaluation"]
    rows = [
        ("Learned from", plain(str(lineage))),
        ("Accuracy", accuracy_line(evaluation) if evaluation else plain("not measured, as there are no classes")),
        ("Model", plain(name, "bold")),
        ("Report", plain(f"{run.folder}/report.html")),
        ("Next", plain(f"headstart rank DATA --pretrained {name} --pretrained efficientnet_lite0")),
    ]
    show(facts(rows))
