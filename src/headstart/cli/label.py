"""`headstart label`: which images to label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, table

POSITION = 12
ByRun: TypeAlias = Annotated[
    Path | None,
    typer.Option("--run", metavar="RUN", help="Choose among the images in DATA by this run's model.", show_default=False),
]
Strategy: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How to choose without a source: typicality, gradient_diversity, margin, entropy, least_confidence, coreset or "
        "random_choice. [dim]\\[by the number of labels][/dim]",
        show_default=False,
    ),
]
MinutesToAdapt: TypeAlias = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        metavar="M",
        help="Budget for all ways to adapt to a target; without it quick closed forms alone, within about a minute.",
        show_default=False,
    ),
]


def label(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    num: Annotated[int, typer.Option(metavar="N", help="How many images to label.")] = 20,
    run: ByRun = None,
    strategy: Strategy = None,
    pretrained: options.FeaturesOf = None,
    minutes: MinutesToAdapt = None,
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.csv", help="The manifest to fill in.")] = Path("to_label.csv"),
    as_json: options.Json = False,
) -> None:
    """Choose the images whose labels are most useful, and write a manifest to fill in.

    With a source, the images of an unlabeled target that tell which adapted model is best. Without one, images of DATA without
    labels: typical ones where labels are few, else those that would change the model most, each in another way.
    """
    from headstart.workflows import label as workflow

    found = workflow.label(
        data,
        source,
        num=num,
        run=run,
        strategy=strategy,
        target_domain=target_domain,
        pretrained=pretrained,
        minutes=minutes,
        seed=seed,
        out=out,
    )
    then = workflow.next_step(data, source, target_domain, found, out)
    columns = {"image": found.names, "guess": found.guesses, "probability": [f"{one:.3f}" for one in found.probabilities]}
    columns = {name: texts for name, texts in columns.items() if any(texts)}
    blocks = (
        table(tuple(columns), zip(*columns.values(), strict=True), ("probability",)), "",
        facts([("Chosen by", found.strategy.replace("_", " ")), ("Manifest", str(out)), ("Next", then)]),
    )  # fmt: skip
    answer(as_json, {"manifest": str(out), **found.to_dict()}, *blocks)
