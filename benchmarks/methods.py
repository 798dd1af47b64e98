"""Every method on every set with every number of labels: accuracy, seconds, and how often it harms.

A cell is a set, a number of labels a class and a seed. Labels are kept for that many training rows; the other training rows
lose their labels and are the unlabeled rows (at most 1,000), and at most 2,000 test rows are evaluated. All methods start from
EfficientNet-Lite0 at the side that the system takes for the set, with default settings. The plain probe is `ridge`; a method
harms a cell where its accuracy is more than a point below the probe's. The row "headstart" is the choice of `decide`, within
`--minutes` a cell.

Cells are kept in OUT/methods.jsonl, so that a run that ends early or is killed continues; `--total-minutes` ends it between
two fits. `--write 1` puts the table into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import arguments
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.errors import HeadstartError
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluation_of
from headstart.methods import METHODS, method_from
from headstart.methods.base import unmet
from headstart.methods.model import Model
from headstart.planning.deciding.decide import decide
from headstart.planning.deciding.options import Options
from headstart.planning.fitting import fit_plan
from headstart.planning.ranking.rank import rank
from headstart.training.settings import Training

BACKBONE = "efficientnet_lite0"
SETS = ("digits", "emoji", "emoji-twemoji", "elpv", "fashion-mnist")
LABELS = (5, 20, 50)
MOST_POOL = 1_000
MOST_TEST = 2_000
AUTOMATIC = "headstart"
PROBE = "ridge"
HARM = 0.01
MARKS = ("<!-- methods: begin -->", "<!-- methods: end -->")

Cell = tuple[str, int, int]


def cut(images: ImageSet, most: int, seed: int, purpose: str) -> ImageSet:
    """At most so many rows, drawn by the seed."""
    if len(images) <= most:
        return images
    return images.take(np.sort(generator_for(seed, purpose).permutation(len(images))[:most]))


def task_of(cell: Cell) -> Task | None:
    """The cell's task; None where a class has too few images for it."""
    name, per_class, seed = cell
    task = read_task(name, seed, per_class, pool=True)
    if task.test is None or task.train.class_counts.min() < per_class:
        return None
    pool = task.unlabeled and cut(task.unlabeled, MOST_POOL, seed, "pool")
    return replace(task, unlabeled=pool, test=cut(task.test, MOST_TEST, seed, "test"))


def judged(kind: str, task: Task, minutes: float | None) -> dict[str, Any]:
    """Accuracy, balanced accuracy and seconds of a method, or of the system's own choice."""
    begun = time.perf_counter()
    if kind == AUTOMATIC:
        model, chosen = automatic(task, minutes)
    else:
        backbone = load_backbone(BACKBONE, input_pixels=input_pixels_for(card_of(BACKBONE), task))
        method = method_from({"kind": kind})
        fault = unmet(method, task, backbone)
        if fault:
            return {"failure": fault}
        model, chosen = method.fit(task, backbone, Training(seed=task.seed)), kind
    seconds = time.perf_counter() - begun
    metrics = evaluation_of(model.predict(task.test.opened_for_evaluation()), "test").metrics
    return {
        "accuracy": metrics["accuracy"].value,
        "balanced": metrics["balanced_accuracy"].value,
        "seconds": seconds,
        "chosen": chosen,
    }


def automatic(task: Task, minutes: float | None) -> tuple[Model, str]:
    """What the system makes of the task by itself."""
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps(Path(folder) / "steps")
        ranking = rank(task, [card_of(BACKBONE)], steps=steps)
        decision, plan = decide(task, ranking, Options(), steps, minutes=minutes)
        fit_plan(task, plan, Path(folder) / "model", steps, Path(folder) / "work")
        return Model.load(Path(folder) / "model"), decision.chosen


def cells(sets: tuple[str, ...], labels: tuple[int, ...], seeds: int) -> Iterator[Cell]:
    """All cells, seed by seed, so that what is there early covers every set."""
    return ((name, count, seed) for seed in range(seeds) for count in labels for name in sets)


def key_of(kind: str, cell: Cell) -> str:
    """What a finished cell is found by."""
    return json.dumps([kind, *cell])


def main() -> None:
    """Run what is missing, then print the table."""
    given = arguments(__doc__ or "", seeds=3, sets=SETS, labels=LABELS, methods=("all",), total_minutes=600.0, write=0)
    place = given.out / "methods.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    found = {row["key"]: row for row in map(json.loads, place.read_text().splitlines())} if place.exists() else {}
    every = [PROBE, *(kind for kind in METHODS.names() if kind != PROBE), AUTOMATIC]
    kinds = every if list(given.methods) == ["all"] else list(given.methods)
    ends = time.monotonic() + 60 * given.total_minutes
    for cell in cells(tuple(given.sets), tuple(given.labels), given.seeds):
        left = [kind for kind in kinds if key_of(kind, cell) not in found]
        task = task_of(cell) if left and time.monotonic() < ends else None
        for kind in left if task else ():
            if time.monotonic() >= ends:
                break
            try:
                row = judged(kind, task, given.minutes)
            except HeadstartError as error:
                row = {"failure": str(error)}
            row = {"key": key_of(kind, cell), "kind": kind, "set": cell[0], "labels": cell[1], "seed": cell[2], **row}
            found[row["key"]] = row
            with place.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            print(row, file=sys.stderr, flush=True)
    text = table(list(found.values()))
    print(text)
    if given.write:
        write(text)


def table(rows: list[dict[str, Any]]) -> str:
    """Methods down, sets and labels across: mean accuracy in per cent over the seeds; then gain, harm and seconds."""
    fitted = [row for row in rows if "accuracy" in row]
    columns = sorted({(row["set"], row["labels"]) for row in fitted})
    probe = {(row["set"], row["labels"], row["seed"]): row["accuracy"] for row in fitted if row["kind"] == PROBE}
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in fitted:
        if (row["set"], row["labels"], row["seed"]) in probe:
            by_kind[row["kind"]].append(row)
    heads = ["method", *(f"{name} {labels}" for name, labels in columns), "cells", "gain", "harm", "seconds"]
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    for kind, members in sorted(by_kind.items(), key=lambda item: -gain(item[1], probe)):
        shown = []
        for column in columns:
            values = [row["accuracy"] for row in members if (row["set"], row["labels"]) == column]
            shown.append(f"{100 * np.mean(values):.1f}" if values else "")
        gains = [row["accuracy"] - probe[row["set"], row["labels"], row["seed"]] for row in members]
        harm = np.mean([value < -HARM for value in gains])
        seconds = np.median([row["seconds"] for row in members])
        shown += [str(len(members)), f"{100 * np.mean(gains):+.1f}", f"{harm:.0%}", f"{seconds:.1f}"]
        lines.append(" | ".join([kind, *shown]))
    failures = sorted({f"{row['kind']}: {row['failure']}" for row in rows if "failure" in row})
    return "\n".join([*(f"| {line} |" for line in lines), *(f"\n{failure}" for failure in failures)])


def gain(members: list[dict[str, Any]], probe: dict[tuple[str, int, int], float]) -> float:
    """Mean gain over the probe on the cells that the method has."""
    return float(np.mean([row["accuracy"] - probe[row["set"], row["labels"], row["seed"]] for row in members]))


def write(text: str) -> None:
    """Put the table between its marks in RESULTS.md."""
    place = Path(__file__).with_name("RESULTS.md")
    before, _, rest = place.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    place.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
