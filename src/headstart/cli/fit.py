"""`headstart fit`: one fit, of a plan or of a method on data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 13


def fit(
    plan_or_data: Annotated[
        str, typer.Argument(metavar="PLAN|DATA", help="A plan.toml, or data with --method.", show_default=False)
    ],
    method: Annotated[str | None, typer.Option(metavar="KIND", help="How to adapt; see `headstart methods`.")] = None,
    pretrained: Annotated[str | None, typer.Option(metavar="NAME", help="What to transfer from.")] = None,
    weights: options.Weights = "pretrained",
    settings: options.Settings = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Fit a plan, or one method on data, and evaluate it."""
    from headstart import chain
    from headstart.cli import _plans as plans
    from headstart.cli._finish import finish_run
    from headstart.core.errors import PlanError
    from headstart.data.task import Task

    chosen = options.settings_from(settings)
    if Path(plan_or_data).suffix.lower() == ".toml":
        if method or pretrained:
            raise PlanError(f"{plan_or_data} names its own method and model. Change them with --set method.kind=... instead.")
        plan = plans.plan_from_file(Path(plan_or_data), chosen)
        task = Task.from_folder(plan.data, plan.seed, plan.per_class)
    else:
        if method is None:
            raise PlanError(
                f"{plan_or_data} is data, so --method KIND is needed. `headstart run {plan_or_data}` decides by itself."
            )
        task = Task.from_folder(plan_or_data, seed, per_class)
        plan = plans.plan_by_hand(task, method, pretrained, weights, per_class, chosen)
    finish_run(chain.fit(task, plan, out), as_json)
