"""Options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Data: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A path or address of data, or the name of a built-in set; see `headstart datasets`.",
        show_default=False,
    ),
]
PretrainedNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--pretrained", metavar="NAME", help="A model to transfer from; repeatable. [dim]\\[all whose weights are here][/dim]"
    ),
]
Weights: TypeAlias = Annotated[
    str, typer.Option(metavar="FILE", help="A file of weights for the model, 'pretrained', or 'none' (from scratch).")
]
Minutes: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        metavar="M",
        help="Minutes by the clock for all but the final fit; without them no clock ends anything. More go on with a run.",
        show_default=False,
    ),
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, metavar="S", help="Seed of splits, folds and training.")]
OptionalSeed: TypeAlias = Annotated[
    int | None, typer.Option(min=0, metavar="S", help="Seed of splits, folds and training; 0 unless a plan says.")
]
PerClass: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Keep only N labeled training images per class; 0 removes all labels of a target that has sources.",
        show_default=False,
    ),
]
Test: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--test",
        metavar="SHARE",
        help="Set a share of the labeled images aside as a sealed test; by default all are learned from up to 5,000.",
        show_default=False,
    ),
]
LeaveDomainOut: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--leave-domain-out", help="Choose and judge on domains (column 'domain', or --source) that were not learned from."
    ),
]
WithoutLabelErrors: TypeAlias = Annotated[
    bool,
    typer.Option("--without-label-errors", help="Leave out images to learn from whose labels look wrong; they judge nothing."),
]
Numbers: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--numbers", metavar="COLUMN", help="Predict the numbers in this column of a manifest, not classes.", show_default=False
    ),
]
DataOrEmbedded: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="A path or address of data, or a built-in set; see `headstart datasets`. [dim]\\[emoji][/dim]",
        show_default=False,
    ),
]
Only: TypeAlias = Annotated[
    str | None, typer.Option(metavar="SIDE", help="Try one side only: transfer or scratch.", show_default=False)
]
Members: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Models that may predict together, at most: 5; 1 for a single model.", show_default=False
    ),
]
Sources: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--source", metavar="DIR", help="Labeled images of another domain, in any layout; repeatable.", show_default=False
    ),
]
TargetDomains: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--target-domain",
        metavar="NAME",
        help="A domain in DATA's column 'domain' that is the target; the other domains are sources; repeatable.",
        show_default=False,
    ),
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set one field of the plan, e.g. training.lr=0.001; repeatable."),
]
MethodKind: TypeAlias = Annotated[
    str | None, typer.Option("--method", metavar="KIND", help="Use this method instead of deciding; see `headstart methods`.")
]
Out: TypeAlias = Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="The run's folder.", show_default=False)]
Track: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--track", metavar="NAME", help="Track it with tensorboard, mlflow or wandb; repeatable.", show_default=False),
]
Cluster: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Work on a Ray cluster: auto for the one here, or ray://HOST:PORT.",
        show_default=False,
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Strict: TypeAlias = Annotated[bool, typer.Option("--strict", help="Exit with 1 when there are warnings or errors.")]
PlanOrData: TypeAlias = Annotated[
    str, typer.Argument(metavar="PLAN|DATA", help="A plan.toml; or data, which needs --method.", show_default=False)
]
PretrainedName: TypeAlias = Annotated[
    str | None,
    typer.Option("--pretrained", metavar="NAME", help="The model to transfer from; see `headstart models`.", show_default=False),
]
FeaturesOf: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--pretrained",
        metavar="NAME",
        help="The model whose features are used. [dim]\\[the first packaged one][/dim]",
        show_default=False,
    ),
]
NewOut: TypeAlias = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="The new run's folder.", show_default=False)
]
RunFolder: TypeAlias = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.", show_default=False)]


def settings_from(pairs: list[str] | None) -> dict[str, str]:
    """The `--set key=value` options as texts by key; a PlanError where one has no "="."""
    from headstart.core.errors import PlanError

    settings = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise PlanError(f'--set "{pair}" has no form key=value. Write for example --set training.lr=0.001.')
        settings[key.strip()] = value.strip()
    return settings
