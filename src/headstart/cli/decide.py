"""`headstart decide`: transfer or not, from what, how and why."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, said, show
from headstart.cli._views import VERDICT_STYLES, decision_view, sources_view

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.planning.adapting.adaptation import Adaptation

POSITION = 12


def decide(
    data: options.Data,
    source: options.Sources = None,
    target_domain: options.TargetDomains = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The file for the plan, e.g. plan.toml.", show_default=False),
    ] = None,
    pretrained: options.PretrainedNames = None,
    weights: options.Weights = "pretrained",
    minutes: options.Minutes = None,
    members: options.Members = None,
    seed: options.Seed = 0,
    per_class: options.PerClass = None,
    test: options.Test = None,
    as_json: options.Json = False,
) -> None:
    """Decide whether to transfer, from which model and how, on shared folds, and write the plan to fit."""
    from headstart.core.records import write_atomically
    from headstart.runs.run import Run
    from headstart.workflows.decide import decide as decide_plan

    with tempfile.TemporaryDirectory() as folder:
        plan = decide_plan(
            data, source=source, target_domain=target_domain, pretrained=pretrained, weights=weights, minutes=minutes,
            members=members, seed=seed, per_class=per_class, test=test, evidence=folder,
        )  # fmt: skip
        made = Run(Path(folder))
        evidence = {"decision": made.decision, "sources": made.sources, "adaptation": made.adaptation}
    blocks: list[RenderableType] = [decision_view(made.decision.to_dict())] if made.decision else [*plan.reasons]
    blocks += _adapted(made.adaptation) if made.adaptation else []
    if made.sources:
        blocks += ["", sources_view(made.sources.to_dict()), "", said(made.sources.sentence, style="bold")]
    answer(as_json, {**{name: one.to_dict() for name, one in evidence.items() if one}, "plan": plan.to_dict()}, *blocks)
    if out:
        write_atomically(out, plan.to_sealed_toml())
    if not as_json:
        then = f"headstart fit {shlex.quote(str(out))} -o RUN"
        advice = then if out else f"`headstart decide {shlex.quote(data)} -o plan.toml` keeps the plan"
        show("", f"Next: {advice}")


def _adapted(adaptation: Adaptation) -> list[RenderableType]:
    """The verdict in a sentence, and the estimated accuracy."""
    return ["", said(adaptation.sentence, style=VERDICT_STYLES[adaptation.verdict]), "", adaptation.estimate_sentence]
