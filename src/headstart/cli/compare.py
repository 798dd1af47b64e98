"""`headstart compare`: paired differences between runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, interval, plain, said, table
from headstart.cli._views import VERDICT_STYLES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.evaluation.run_comparison import RunComparison

POSITION = 15
REPEATED = "{run} and {other} have the same bytes, but for measured times and memory."
WITHOUT_LABELS = (
    "± is the share of shared images that get different classes, where none has a label: accuracies cannot differ by more."
)


def compare(
    run: options.RunFolder,
    others: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The other runs.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Seed of the bootstrap.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Compare the first run with each of the others, on the images that judged both: of the test, or out of fold."""
    from headstart.workflows.compare import compare as compare_runs

    made = compare_runs(run, *others, seed=seed)
    pairs = [_as_json(one) for one in made]
    found = {"run": str(run), "outcome": made[0].outcomes[0].to_dict(), "pairs": pairs}
    answer(as_json, found, _view(str(run), pairs), *_outcomes(found))


def _as_json(made: RunComparison) -> dict[str, Any]:
    """A comparison as JSON: paired differences or, without shared labels, the most that accuracies can differ by."""
    found = made.paired.to_dict() if made.paired else {"most_gain": made.most_gain}
    return {"run": made.run, "verdict": made.verdict, **found, "repeated": made.repeated, "outcome": made.outcomes[1].to_dict()}


def _view(run: str, pairs: Sequence[dict[str, Any]]) -> RenderableType:
    """One line a pair; gains are the first run's over the other."""
    columns = ("against", "verdict", "accuracy", "95 %", "log loss", "p", "images")
    rows = [(pair["run"], said(pair["verdict"], style="bold"), *_numbers(pair)) for pair in pairs]
    return table(columns, rows, right=("accuracy", "log loss", "p", "images"), title=f"{run} against other runs")


def _numbers(pair: dict[str, Any]) -> tuple[str, ...]:
    if "most_gain" in pair:
        return "-", f"\N{PLUS-MINUS SIGN}{pair['most_gain']:.3f}", "-", "-", "-"
    return (
        f"{pair['accuracy_gain']['value']:+.3f}",
        interval(pair["accuracy_gain"], "+"),
        f"{pair['log_loss_gain']['value']:+.3f}",
        f"{pair['p_value']:.3g}",
        f"{pair['num_rows']:,}",
    )


def _outcomes(found: dict[str, Any]) -> Iterator[RenderableType]:
    """Which runs repeat another one, what each run that adapted found by itself, and what a comparison without labels means."""
    for pair in found["pairs"]:
        if pair["repeated"]:
            yield from ("", said(REPEATED.format(run=found["run"], other=pair["run"])))
    outcomes = {one["run"]: one["outcome"] for one in (found, *found["pairs"]) if one["outcome"]["estimate"]}
    for run, outcome in outcomes.items():
        yield from ("", plain(run, "bold"), said(outcome["verdict"], style=VERDICT_STYLES[outcome["verdict"]]))
        yield f"{outcome['sentence']} {outcome['estimate']}"
    if any("most_gain" in pair for pair in found["pairs"]):
        yield from ("", said(WITHOUT_LABELS, style="dim"))
