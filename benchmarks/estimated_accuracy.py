"""How far the estimated accuracy of an adapted run is from the accuracy, and how often its intervals hold it.

Pairs of domains of `benchmarks.domain_pairs` and generated shifts of `benchmarks.shifts`. `adaptation_to` chooses without
target labels; the estimates of the models that it chooses, and of the unadapted model, are compared with the accuracies on the
same target rows. The unadapted model is estimated by its confidence and, where adapted models predict, by its agreement with
them.
An estimate errs by chance and by confident mistakes. The standard deviation of the latter is that of all errors less what chance
explains. Intervals that allow for it are made for each pair by the errors on all others, so that their coverage is that on new
pairs. Cells are kept in OUT/estimated_accuracy.jsonl. `python -m benchmarks.estimated_accuracy --seeds 3`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import domain_pairs, shifts
from benchmarks._adapting import Case, Cell, Row, cells_of, found_in, key_of
from benchmarks.protocol import arguments
from headstart.core.steps import Steps
from headstart.core.types import Floats, Integers
from headstart.methods import method_from
from headstart.methods.model import Model
from headstart.planning.adapting.adapt import adaptation_to
from headstart.planning.adapting.adaptation import ERRORS_95
from headstart.training.settings import Training

SIDES = ("adapted", "unadapted")
AGREEMENT = "unadapted, by agreement"


def predicted(case: Case, kinds: Iterable[str]) -> Integers:
    """Classes of the unlabeled target rows by models that predict together."""
    task = case.task
    assert task.unlabeled is not None
    models: list[Model] = [method_from({"kind": kind}).fit(task, case.backbone, Training(seed=task.seed)) for kind in kinds]
    return replace(models[0], partners=tuple(models[1:])).predict(task.unlabeled).predicted


def measured(cell: Cell) -> Row:
    """Estimates of the chosen models and of the unadapted one, with the accuracies on the same rows."""
    case = (shifts if cell[0] in shifts.SHIFTS else domain_pairs).made(cell)
    with tempfile.TemporaryDirectory() as folder:
        found = adaptation_to(case.task, case.backbone, steps=Steps(Path(folder)))
    kinds = {"adapted": found.chosen, "unadapted": ("source_only",)}
    estimates = {"adapted": found.accuracy, "unadapted": found.unadapted_accuracy}
    row: Row = {"pair": cell[0], "seed": cell[1], "chosen": found.chosen, "changed": found.at_most_lost}
    for side in SIDES:
        row[side] = float((predicted(case, kinds[side]) == case.truth).mean())
        row[f"estimated {side}"] = estimates[side].to_dict()
    return {**row, "verdict": found.verdict}


def filled(place: Path, cells: Iterable[Cell], total_minutes: float) -> list[Row]:
    """Measure what is missing until time is up; each row is written as soon as it is there."""
    found, ends = found_in(place), time.monotonic() + 60 * total_minutes
    for cell in cells:
        key = key_of("estimate", cell)
        if key in found or time.monotonic() >= ends:
            continue
        found[key] = {"key": key, **measured(cell)}
        with place.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found[key]) + "\n")
        print(found[key], file=sys.stderr, flush=True)
    return list(found.values())


def errors(rows: list[Row], side: str) -> tuple[Floats, Floats]:
    """Estimate minus accuracy, and the standard error by chance, float64 [cell]."""
    if side == AGREEMENT:
        return np.array([1.0 - row["changed"] - row["unadapted"] for row in rows]), np.zeros(len(rows))
    gaps = np.array([row[f"estimated {side}"]["value"] - row[side] for row in rows])
    ends = [row[f"estimated {side}"] for row in rows]
    halves = np.array([max(one["value"] - one["low"], one["high"] - one["value"]) for one in ends])
    return gaps, halves / ERRORS_95


def beyond_chance(gaps: Floats, chance: Floats) -> float:
    """The root of the mean squared error that chance does not explain."""
    return float(np.sqrt(max(0.0, (gaps**2).mean() - (chance**2).mean())))


def lines(rows: list[Row], side: str) -> Iterator[str]:
    """A row of the table for each group of pairs, and the coverage of both intervals."""
    for title, group in (("pairs", domain_pairs.PAIRS), ("generated shifts", tuple(shifts.SHIFTS))):
        own = [row for row in rows if row["pair"] in group and (side == "unadapted" or list(row["chosen"]) != ["source_only"])]
        if not own:
            continue
        gaps, chance = errors(own, side)
        names = np.array([row["pair"] for row in own])
        wider = np.empty(len(own))
        for name in np.unique(names):
            others = names != name
            wider[names == name] = beyond_chance(gaps[others], chance[others]) if others.any() else 0.0
        by_chance = np.abs(gaps) <= ERRORS_95 * chance
        by_both = np.abs(gaps) <= ERRORS_95 * np.hypot(chance, wider)
        numbers = (gaps.mean(), np.abs(gaps).mean(), beyond_chance(gaps, chance), (ERRORS_95 * chance).mean())
        shown = " | ".join(f"{100 * one:+.1f}" if place == 0 else f"{100 * one:.1f}" for place, one in enumerate(numbers))
        yield f"| {side}, {title} | {len(own)} | {shown} | {by_chance.mean():.0%} | {by_both.mean():.0%} |"


def main() -> None:
    """Measure what is missing, then print the table."""
    given = arguments(__doc__ or "", seeds=3, pairs=(*domain_pairs.PAIRS, *shifts.SHIFTS), first_seed=0, total_minutes=600.0)
    rows = filled(
        given.out / "estimated_accuracy.jsonl", cells_of(given.pairs, given.seeds, given.first_seed), given.total_minutes
    )
    print("| model | cells | mean error | mean size | beyond chance | half-width by chance | holds it | wider: holds it |")
    print("|---|---|---|---|---|---|---|---|")
    for side in (*SIDES, AGREEMENT):
        print("\n".join(lines(rows, side)))


if __name__ == "__main__":
    main()
