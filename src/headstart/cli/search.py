"""`headstart search`: better settings for a method, if there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._improvements import found_view
from headstart.cli._printing import answer

POSITION = 19


def search(
    plan_or_data: options.PlanOrData,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="STUDY", help="The study's folder.", show_default=False)],
    minutes: Annotated[
        float | None, typer.Option(min=0.01, metavar="M", help="Budget in minutes for all trials.", show_default=False)
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Largest number of trials; 20 without --minutes.", show_default=False)
    ] = None,
    method: Annotated[str | None, typer.Option(metavar="KIND", help="The method; see `headstart methods`.")] = None,
    pretrained: options.PretrainedName = None,
    weights: options.Weights = "pretrained",
    settings: options.Settings = None,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.OptionalSeed = None,
    per_class: options.PerClass = None,
    test: options.Test = None,
    track: options.Track = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Settings suggested before the next results count: 1; on a cluster as many as keep it busy.",
            show_default=False,
        ),
    ] = None,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
) -> None:
    """Search better settings of a method on shared folds, and write the plan with the best; --set fixes a setting.

    A search may be interrupted at any point: the same command continues it.
    """
    from headstart.workflows.search import search as search_settings

    found = search_settings(
        plan_or_data, out=out, minutes=minutes, trials=trials, method=method, pretrained=pretrained, weights=weights,
        settings=options.settings_from(settings), source=source, target_domain=target_domain, seed=seed, per_class=per_class,
        test=test, track=track, at_once=at_once, cluster=cluster,
    ).to_dict()  # fmt: skip
    answer(as_json, {"study": str(out), **found}, found_view(found, str(out)))
