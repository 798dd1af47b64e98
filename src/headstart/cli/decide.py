"""`headstart decide`: transfer or not, from what, how and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 12


def decide(
    data: options.Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to write the plan, e.g. plan.toml.", show_default=False),
    ] = None,
    pretrained: options.PretrainedNames = None,
    minutes: options.Minutes = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    as_json: options.Json = False,
) -> None:
    """Judge the candidates on shared folds and write the plan to fit."""
    from headstart.cli._candidates import cards_named
    from headstart.cli._printing import plain, print_json, show
    from headstart.cli._views import decision_view
    from headstart.core.records import write_atomically
    from headstart.data.splitting import read_task
    from headstart.planning.decide import decide as decide_plan
    from headstart.planning.rank import rank

    task = read_task(data, seed, per_class)
    decision, plan = decide_plan(task, rank(task, cards_named(pretrained)), minutes=minutes, per_class=per_class)
    if as_json:
        print_json({"decision": decision.to_dict(), "plan": plan.to_dict()})
    else:
        show(decision_view(decision.to_dict()))
    if out:
        write_atomically(out, plan.to_toml())
    if not as_json:
        advice = f"headstart fit {out} -o RUN" if out else f"headstart decide {data} -o plan.toml keeps the plan"
        show("", plain(f"Next: {advice}"))
