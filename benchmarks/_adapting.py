"""Shared parts of the adaptation benchmarks: results kept on disk, every method, model selection, and their table."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import HeadstartError
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED, Integers
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluation_of
from headstart.methods import METHODS, method_from
from headstart.methods.base import unmet
from headstart.methods.model import Model
from headstart.planning.adapting.adapt import adaptation_to, rows_to_label
from headstart.training.settings import Training

UNADAPTED = "source_only"
AUTOMATIC = "headstart"
LABELED = "headstart, 20 labels"
TARGET_ONLY = "target_only"
HARM = 0.01
NUM_LABELS = 20

Cell = tuple[str, int]
Row = dict[str, Any]


def closed_forms() -> list[str]:
    """Every adaptation in closed form, the unadapted model first."""
    kinds = [kind for kind in METHODS.names() if "source" in METHODS.get(kind).needs and METHODS.get(kind).cost == "closed form"]
    return [UNADAPTED, *(kind for kind in kinds if kind != UNADAPTED)]


def accuracy(model: Model, task: Task) -> float:
    """On the sealed rows, opened here and nowhere else."""
    assert task.test is not None
    return evaluation_of(model.predict(task.test.opened_for_evaluation()), "test").metrics["accuracy"].value


class Case(NamedTuple):
    """One cell's task.

    Attributes:
        task: Its sealed rows are the target rows to test on.
        backbone: For the features.
        truth: Labels of the task's unlabeled rows, for the 20 that a person is asked for.
    """

    task: Task
    backbone: Backbone
    truth: Integers


Measure: TypeAlias = Callable[[str, Case, Steps], Row]
"""(method, case, where fits are kept) to what is measured."""


def judged(kind: str, case: Case, steps: Steps) -> Row:
    """Accuracy and seconds of a method, of model selection without labels, or with the 20 labels that it asked for.

    Fits that model selection without labels has made are not repeated to find the rows to label; the seconds leave them out.
    """
    task, backbone, _ = case
    begun = time.perf_counter()
    chosen: Any = kind
    if kind in (AUTOMATIC, LABELED):
        asked = with_labels(case, steps) if kind == LABELED else task
        chosen = list(adaptation_to(asked, backbone, steps=steps).chosen)
        model, *partners = (method_from({"kind": one}).fit(asked, backbone, Training(seed=asked.seed)) for one in chosen)
        model = replace(model, partners=tuple(partners))
    else:
        method = method_from({"kind": kind})
        fault = unmet(method, task, backbone)
        if fault:
            return {"failure": fault}
        model = method.fit(task, backbone, Training(seed=task.seed))
    seconds = time.perf_counter() - begun
    return {"accuracy": accuracy(model, task), "seconds": seconds, "chosen": chosen}


def with_labels(case: Case, steps: Steps) -> Task:
    """The task in which a person has labeled the 20 images that the system asked for."""
    task = case.task
    assert task.unlabeled is not None
    rows = np.array(rows_to_label(task, case.backbone, NUM_LABELS, steps=steps).rows, np.int64)
    revealed = replace(task.unlabeled, hidden_labels=case.truth)
    rest = np.setdiff1d(np.arange(len(revealed)), rows)
    hidden = replace(revealed.take(rest), hidden_labels=np.full(len(rest), UNLABELED, np.int64))
    return replace(task, train=revealed.take(rows), unlabeled=hidden)


def found_in(place: Path) -> dict[str, Row]:
    """The cells that earlier runs left, by key."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return {row["key"]: row for row in map(json.loads, place.read_text().splitlines())} if place.exists() else {}


def fill(
    place: Path,
    cells: Iterable[Cell],
    kinds: list[str],
    made: Callable[[Cell], Case],
    total_minutes: float,
    measure: Measure = judged,
) -> list[Row]:
    """Measure what is missing, cell by cell, each row written as soon as it is there; ends between two fits when time is up."""
    found = found_in(place)
    ends = time.monotonic() + 60 * total_minutes
    for cell in cells:
        left = [kind for kind in kinds if key_of(kind, cell) not in found]
        if not left or time.monotonic() >= ends:
            continue
        case = made(cell)
        with tempfile.TemporaryDirectory() as folder:
            for kind in left:
                if time.monotonic() >= ends:
                    break
                outcome = attempt(measure, kind, case, Steps(Path(folder)))
                row = {"key": key_of(kind, cell), "kind": kind, "pair": cell[0], "seed": cell[1], **outcome}
                found[row["key"]] = row
                with place.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(row, file=sys.stderr, flush=True)
    return list(found.values())


def attempt(measure: Measure, kind: str, case: Case, steps: Steps) -> Row:
    """The row that a measurement gives, or its failure."""
    try:
        return measure(kind, case, steps)
    except HeadstartError as error:
        return {"failure": str(error)}


def key_of(kind: str, cell: Cell) -> str:
    """What a finished cell is found by."""
    return json.dumps([kind, *cell])


def cells_of(pairs: Iterable[str], seeds: int, first_seed: int = 0) -> Iterator[Cell]:
    """All cells, seed by seed, so that what is there early covers every pair."""
    names = tuple(pairs)
    return ((name, seed) for seed in range(first_seed, first_seed + seeds) for name in names)


def table(rows: list[Row]) -> str:
    """Methods down, pairs across: mean accuracy in per cent; then gain over source-only, harm, and share of the best gain."""
    fitted = [row for row in rows if "accuracy" in row]
    pairs = sorted({row["pair"] for row in fitted})
    by_cell: dict[Cell, dict[str, float]] = defaultdict(dict)
    for row in fitted:
        by_cell[row["pair"], row["seed"]][row["kind"]] = row["accuracy"]
    whole = {cell: values for cell, values in by_cell.items() if UNADAPTED in values}
    best = {pair: best_kind(pair, whole) for pair in pairs}
    heads = ["method", *pairs, "cells", "gain", "harm", "share of the best gain"]
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    kinds = sorted({kind for values in whole.values() for kind in values}, key=lambda kind: -mean_gain(kind, whole))
    for kind in kinds:
        shown = [_mean([values[kind] for cell, values in whole.items() if cell[0] == pair and kind in values]) for pair in pairs]
        gains = [values[kind] - values[UNADAPTED] for values in whole.values() if kind in values]
        own = [cell for cell, values in whole.items() if kind in values and best[cell[0]] in values]
        most = sum(whole[cell][best[cell[0]]] - whole[cell][UNADAPTED] for cell in own)
        got = sum(whole[cell][kind] - whole[cell][UNADAPTED] for cell in own)
        harm = np.mean([gain < -HARM for gain in gains])
        share = f"{got / most:.0%}" if most > 0 else ""
        lines.append(" | ".join([kind, *shown, str(len(gains)), f"{100 * np.mean(gains):+.1f}", f"{harm:.0%}", share]))
    named = "; ".join(f"{pair}: {kind}" for pair, kind in best.items())
    failures = sorted({f"{row['kind']}: {row['failure']}" for row in rows if "failure" in row})
    return "\n".join([*(f"| {line} |" for line in lines), f"\nBest in hindsight: {named}.", *(f"\n{one}" for one in failures)])


def best_kind(pair: str, cells: dict[Cell, dict[str, float]]) -> str:
    """The method of highest mean accuracy on a pair, known only in hindsight."""
    values: dict[str, list[float]] = defaultdict(list)
    for cell, found in cells.items():
        for kind, value in found.items():
            if cell[0] == pair and kind not in (AUTOMATIC, LABELED, TARGET_ONLY):
                values[kind].append(value)
    return max(values, key=lambda kind: float(np.mean(values[kind])), default=UNADAPTED)


def mean_gain(kind: str, cells: dict[Cell, dict[str, float]]) -> float:
    """Mean gain over source-only on the cells that the method has."""
    return float(np.mean([values[kind] - values[UNADAPTED] for values in cells.values() if kind in values]))


def _mean(values: list[float]) -> str:
    return f"{100 * np.mean(values):.1f}" if values else ""
