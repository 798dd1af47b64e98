"""`headstart fit`: one fit, of a plan or of a method on data."""

from __future__ import annotations

from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 13


def fit(
    plan_or_data: options.PlanOrData,
    method: Annotated[str | None, typer.Option(metavar="KIND", help="The method; see `headstart methods`.")] = None,
    pretrained: options.PretrainedName = None,
    weights: options.Weights = "pretrained",
    settings: options.Settings = None,
    find_rate: Annotated[
        bool, typer.Option("--find-rate", help="Find training.lr by the learning-rate finder; the report draws its curve.")
    ] = False,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    seed: options.OptionalSeed = None,
    per_class: options.PerClass = None,
    test: options.Test = None,
    out: options.Out = None,
    track: options.Track = None,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
) -> None:
    """Fit a plan, or one method on data, and evaluate it."""
    from headstart.cli._finish import finish_run
    from headstart.workflows.fit import fit as fit_data

    finished = fit_data(
        plan_or_data, method=method, pretrained=pretrained, weights=weights, settings=options.settings_from(settings),
        find_rate=find_rate, source=source, target_domain=target_domain, seed=seed, per_class=per_class, test=test, out=out,
        track=track, cluster=cluster,
    )  # fmt: skip
    finish_run(finished, as_json)
