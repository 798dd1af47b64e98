"""Tables of the trials of `adjust` and `search`, each made from its JSON form."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from headstart.cli._printing import facts, said, table
from headstart.cli._views import accuracy_line, findings_view

if TYPE_CHECKING:
    from rich.console import RenderableType

OUTCOME_STYLES = {"kept": "bold green", "finished": "", "failed": "red"}
MOST_TRIALS = 10
"""Trials that are shown, the best first; the study's folder has all of them."""


def adjustment_view(
    adjustment: dict[str, Any], sentence: str, run: str, evaluation: dict[str, Any] | None = None, *, pictures: bool = True
) -> RenderableType:
    """Every changed plan with its reason and outcome, then advice, then the run to use, its accuracy, and what to do next."""
    from rich.console import Group

    from headstart.runs.suggesting import predict_command

    blocks: list[RenderableType] = []
    if adjustment.get("margin") is not None:
        blocks += [_students(adjustment["trials"]), ""]
    for trial in adjustment["trials"] if not blocks else ():
        outcome = said(trial["outcome"], ": ", trial["sentence"], style=OUTCOME_STYLES.get(trial["outcome"], "dim"))
        blocks += [facts([(trial["rule"], trial["reason"]), ("", outcome)]), ""]
    if adjustment["advice"]:
        blocks += [findings_view(adjustment["advice"]), ""]
    rows: list[tuple[str, RenderableType]] = [("Run", run), ("Next", predict_command(run, pictures=pictures))]
    if evaluation is not None:
        rows.insert(0, ("Accuracy", accuracy_line(evaluation)))
    return Group(*blocks, said(sentence, style="bold"), facts(rows))


def _students(trials: list[dict[str, Any]]) -> RenderableType:
    """Single networks beside the ensemble: points of accuracy that each gains or may lose, and multiply-adds an image."""
    rows = []
    for trial in trials:
        gain = trial["comparison"]["accuracy_gain"] if trial["comparison"] else None
        shown = f"{100 * gain['value']:+.1f} [{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]" if gain else None
        rows.append(
            (
                said(trial["reason"].rstrip(".")),
                shown or said(trial["outcome"]),
                f"{100 * trial['may_lose']:.1f}" if gain else "-",
                f"{trial['multiply_adds'] / 1e6:,.0f} M",
            )
        )
    columns = ("one network", "points gained", "may lose", "operations")
    return table(columns, rows, right=columns[1:], title="Against the ensemble")


def found_view(found: dict[str, Any], study: str) -> RenderableType:
    """The best trials with what they changed, then whether the default stands."""
    from rich.console import Group

    default = found["trials"][0]["settings"]
    numbered = sorted(enumerate(found["trials"]), key=lambda pair: (pair[1]["outcome"] != "finished", _loss(pair[1])))
    rows = [
        (
            str(number),
            said(trial["origin"]),
            said(trial["outcome"], style=OUTCOME_STYLES.get(trial["outcome"], "dim")),
            f"{trial['log_losses'][-1]:.3f}" if trial["log_losses"] else "-",
            ", ".join(f"{name}={_short(value)}" for name, value in trial["settings"].items() if value != default[name]),
        )
        for number, trial in numbered[:MOST_TRIALS]
    ]
    shown = table(("#", "origin", "outcome", "log loss", "settings"), rows, right=("log loss",), title="Trials, best first")
    plan = f"{study}/plan.toml"
    advice = facts([("Plan", plan), ("Next", f"headstart fit {shlex.quote(plan)} -o RUN")])
    return Group(shown, "", said(found["sentence"], style="bold"), advice)


def _loss(trial: dict[str, Any]) -> float:
    return float(trial["log_losses"][-1]) if trial["log_losses"] else float("inf")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
