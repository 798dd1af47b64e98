"""What more labels buy: forecasts of a run against what labels that were held back then give.

Each draw takes some groups of a set as the labeled images, decides among the closed forms as a run on feature vectors does, and
takes the learning curve of the decision. Then the chosen recipe is fitted to these labels and to 1.5, 2 and 4 times as many, the
first among them, and predicts all images that none of these fits has seen. A cell is one draw and one multiple. The gain is the
difference of two accuracies on the same images, whose noise is part of what the interval misses. Beside it stands the curve that
a run drew before: alpha + eta / sqrt(n), fitted to leave-one-out errors of the ridge head. Constants of the curve were set on
other draws (seeds from 100 on, another order of groups).

Expected: at least 85 % of the 95 % intervals of the gain, and of those of the accuracy, hold what was then measured.

`python -m benchmarks.label_budget --seeds 6` keeps finished draws in OUT/label_budget.jsonl.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._ridge_curve import ridge_curve
from benchmarks.coverage import task_of, vectors_of
from benchmarks.protocol import arguments, mean_and_interval, show
from headstart.backbones.catalog import card_of
from headstart.core.rows import unit_rows
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.evaluation.intervals import wilson
from headstart.methods.model import Model
from headstart.planning.deciding.decide import decide
from headstart.planning.deciding.learning_curve import FACTORS
from headstart.planning.deciding.options import Options
from headstart.planning.fitting import fit_plan
from headstart.planning.plan import Plan
from headstart.planning.ranking.rank import rank
from headstart.planning.ranking.ranking import Ranking

SIZES = {"digits": (100, 300), "mnist": (100, 500), "fashion-mnist": (100, 500), "emoji": (110, 220), "elpv": (100, 400)}
MOST_ROWS = 4_000
FEWEST_JUDGED = 400
"""Images that judge every fit of a draw, at least; multiples that leave fewer are left out."""
LEAST_PER_CLASS = 2


def nested_rows(rows: ImageSet, size: int, seed: int) -> tuple[dict[float, Integers], Integers]:
    """Rows of nested draws of groups, about `size` times each multiple that leaves enough, and the rows that judge them all.

    Classes that the smallest draw shows less than twice are left out of all.
    """
    order = generator_for(seed, "label budget", size).permutation(np.unique(rows.groups))
    counts = np.cumsum(np.bincount(rows.groups)[order])

    def drawn(number: float) -> Integers:
        return np.flatnonzero(np.isin(rows.groups, order[: int(np.searchsorted(counts, number)) + 1]))

    shown = np.bincount(rows.labels[drawn(size)], minlength=rows.num_classes) >= LEAST_PER_CLASS
    parts = {factor: drawn(factor * size) for factor in (1.0, *FACTORS) if factor * size <= len(rows) - FEWEST_JUDGED}
    judged = np.setdiff1d(np.arange(len(rows)), parts[max(parts)])
    return {factor: part[shown[rows.labels[part]]] for factor, part in parts.items()}, judged[shown[rows.labels[judged]]]


def accuracy_of(rows: ImageSet, labeled: Integers, judged: Integers, plan: Plan, seed: int) -> float:
    """The accuracy on `judged` of a plan fitted to `labeled`."""
    task = task_of(rows, labeled, seed)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        fit_plan(task, plan, where / "model", Steps(where / "steps"), where / "work")
        predicted = Model.load(where / "model").predict(rows.take(judged))
    names = np.array(rows.classes)[rows.labels[judged]]
    return float(np.mean(np.array(predicted.classes)[predicted.predicted] == names))


def before(rows: ImageSet, labeled: Integers, seed: int) -> dict[float, tuple[float, float, float]]:
    """The gain by the curve that a run drew before, with its interval, for each multiple."""
    part = task_of(rows, labeled, seed).train
    vectors = part.images.vectors()
    alpha, eta = ridge_curve(unit_rows(vectors - vectors.mean(axis=0)), part.labels, part.groups, part.num_classes, seed)
    found = {}
    for factor in FACTORS:
        gains = np.clip(alpha + eta * len(part) ** -0.5, 0, 1) - np.clip(alpha + eta * (factor * len(part)) ** -0.5, 0, 1)
        found[factor] = (float(gains[0]), *(float(end) for end in np.quantile(gains[1:], [0.025, 0.975])))
    return found


def draw(rows: ImageSet, place: str, size: int, seed: int, ranking: Ranking) -> Iterator[dict[str, Any]]:
    """The cells of one draw."""
    parts, judged = nested_rows(rows, size, seed)
    task = task_of(rows, parts[1.0], seed)
    with tempfile.TemporaryDirectory() as folder:
        decision, plan = decide(task, ranking, Options(), Steps(Path(folder) / "steps"))
    curve, naive = decision.curve, before(rows, parts[1.0], seed)
    assert curve is not None
    plan = plan.model_copy(update={"data": "draw"})
    truth = {factor: accuracy_of(rows, part, judged, plan, seed) for factor, part in parts.items()}
    for forecast in (one for one in curve.forecasts if one.factor in parts):
        true, gain = truth[forecast.factor], truth[forecast.factor] - truth[1.0]
        value, low, high = naive[forecast.factor]
        own, whole = forecast.gain, forecast.accuracy
        yield {
            "set": place, "labels": len(parts[1.0]), "seed": seed, "factor": forecast.factor, "judged": len(judged),
            "exact": curve.exact, "true gain": gain, "gain": own.value, "low": own.low, "high": own.high,
            "gain covered": float(own.low <= gain <= own.high), "gain width": own.high - own.low, "gain error": own.value - gain,
            "accuracy covered": float(whole.low <= true <= whole.high), "accuracy width": whole.high - whole.low,
            "accuracy error": whole.value - true, "ridge covered": float(low <= gain <= high), "ridge width": high - low,
            "ridge error": value - gain,
        }  # fmt: skip


def summary(cells: list[dict[str, Any]], key: str) -> list[dict[str, object]]:
    """Means over the cells of each value of a column, and over all."""
    lines = []
    for value in [*dict.fromkeys(cell[key] for cell in cells), "all"]:
        own = [cell for cell in cells if value in (cell[key], "all")]
        line: dict[str, object] = {
            key: value,
            "cells": len(own),
            "draws": len({(one["set"], one["labels"], one["seed"]) for one in own}),
        }
        line["true gain"] = f"{100 * mean_and_interval([one['true gain'] for one in own])[0]:.1f}"
        for name in ("gain", "accuracy", "ridge"):
            held = wilson(sum(one[f"{name} covered"] for one in own), len(own))
            line[f"{name} covered"] = f"{held.value:.1%} [{held.low:.1%}, {held.high:.1%}]"
            line[f"{name} width"] = f"{100 * np.mean([one[f'{name} width'] for one in own]):.1f}"
            line[f"{name} RMSE"] = f"{100 * np.sqrt(np.mean([one[f'{name} error'] ** 2 for one in own])):.1f}"
            line[f"{name} bias"] = f"{100 * np.mean([one[f'{name} error'] for one in own]):+.1f}"
        lines.append(line)
    return lines


def main() -> None:
    """Run the draws that are not there yet, then print means by set and by multiple."""
    options = arguments(__doc__ or "", seeds=6, sets=tuple(SIZES), first_seed=0)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "label_budget.jsonl"
    made = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(one["set"], one["size"], one["seed"]) for one in made}
    for place in options.sets:
        rows = vectors_of(place, MOST_ROWS)
        ranking = rank(task_of(rows, nested_rows(rows, SIZES[place][-1], 0)[0][1.0], 0), [card_of("embeddings")])
        for size in SIZES[place]:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                if (place, size, seed) not in done:
                    cells = [{**one, "size": size} for one in draw(rows, place, size, seed, ranking)]
                    made += cells
                    with file.open("a") as stream:
                        stream.write("".join(json.dumps(one) + "\n" for one in cells))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    cells = [one for one in made if one["set"] in options.sets and one["seed"] in seeds]
    for key in ("set", "factor", "size"):
        show(f"label budget by {key}", summary(cells, key), [])


if __name__ == "__main__":
    main()
