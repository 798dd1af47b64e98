"""`headstart decide`: transfer or not, from what, how and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options

POSITION = 12


def decide(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
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
    from headstart.cli._printing import plain, print_json, show
    from headstart.cli._views import decision_view, sources_view
    from headstart.core.records import write_atomically
    from headstart.workflows.decide import choose

    made = choose(
        data,
        source=source,
        target_domain=target_domain,
        pretrained=pretrained,
        minutes=minutes,
        seed=seed,
        per_class=per_class,
    )
    if as_json:
        chosen_by = {"decision": made.decision, "sources": made.sources, "adaptation": made.adaptation}
        print_json({**{name: one.to_dict() for name, one in chosen_by.items() if one}, "plan": made.plan.to_dict()})
    elif made.decision:
        show(decision_view(made.decision.to_dict()))
    else:
        show(*(plain(reason) for reason in made.plan.reasons))
    if made.sources and not as_json:
        show("", sources_view(made.sources.to_dict()), "", plain(made.sources.sentence, "bold"))
    if out:
        write_atomically(out, made.plan.to_toml())
    if not as_json:
        advice = f"headstart fit {out} -o RUN" if out else f"headstart decide {data} -o plan.toml keeps the plan"
        show("", plain(f"Next: {advice}"))
