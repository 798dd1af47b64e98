"""Which images to label: accuracy after labeling the images that each strategy chooses, against random ones.

Each draw takes some groups of a set as the labeled images, half of the others to choose from and half to judge. A ridge head on
EfficientNet-Lite0's last layer learns from the labeled images; each strategy chooses as many again; a ridge head learns from both
and predicts the images that judge. Random choice is the mean of three draws. All differences are paired by draw.

Expected: what a run chooses by default is at least as good as random on every set, and better on average.

`python -m benchmarks.label_choice --seeds 10` keeps finished draws in OUT/label_choice.jsonl.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from scipy.special import softmax

from benchmarks.coverage import vectors_of
from benchmarks.protocol import arguments, mean_and_interval, show
from headstart.core.rows import unit_rows
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.data.images import ImageSet
from headstart.evaluation.label_choice import default_strategy
from headstart.evaluation.label_inputs import LabelInputs
from headstart.evaluation.label_strategies import LABEL_STRATEGIES
from headstart.heads.ridge_leave_one_out import RidgeFit, fit_ridge

SIZES = {"digits": (20, 100), "mnist": (20, 100), "fashion-mnist": (20, 100), "emoji": (44, 220), "elpv": (20, 100)}
MOST_ROWS = 4_000
NUM_RANDOM = 3


def fitted(features: Floats, rows: ImageSet, labeled: Integers) -> RidgeFit:
    return fit_ridge(features[labeled], rows.labels[labeled], rows.num_classes, None, rows.groups[labeled])


def accuracy(features: Floats, rows: ImageSet, labeled: Integers, judged: Integers) -> float:
    fit = fitted(features, rows, labeled)
    return float(np.mean((features[judged] @ fit.weight + fit.bias).argmax(axis=1) == rows.labels[judged]))


def draw(rows: ImageSet, place: str, size: int, seed: int) -> dict[str, Any]:
    """The accuracies of one draw."""
    order = generator_for(seed, "label choice", size).permutation(np.unique(rows.groups))
    counts = np.cumsum(np.bincount(rows.groups)[order])
    start = int(np.searchsorted(counts, size)) + 1
    middle = start + (len(order) - start) // 2
    labeled, free, judged = (
        np.flatnonzero(np.isin(rows.groups, some)) for some in (order[:start], order[start:middle], order[middle:])
    )
    vectors = rows.images.vectors()
    features = unit_rows(vectors - vectors[np.concatenate([labeled, free])].mean(axis=0))
    fit = fitted(features, rows, labeled)
    probs = softmax((features[free] @ fit.weight + fit.bias) / fit.temperature, axis=1)
    made: dict[str, Any] = {"set": place, "size": size, "seed": seed, "before": accuracy(features, rows, labeled, judged)}
    for name, strategy in LABEL_STRATEGIES.all().items():
        found = []
        for number in range(NUM_RANDOM if name == "random_choice" else 1):
            chosen = strategy(LabelInputs(features[free], features[labeled], probs, min(size, len(free)), 100 * seed + number))
            assert chosen is not None
            assert len(np.unique(chosen)) == len(chosen)
            found.append(accuracy(features, rows, np.concatenate([labeled, free[chosen]]), judged))
        made[name] = float(np.mean(found))
    return made | {"by default": made[default_strategy(len(labeled), rows.num_classes)]}


def summary(cells: list[dict[str, Any]]) -> list[dict[str, object]]:
    """Gains over random choice in points, means over draws with 95 % intervals, by set and number of labels, and over all."""
    lines: list[dict[str, object]] = []
    for key in [*dict.fromkeys((cell["set"], cell["size"]) for cell in cells), ("all", "few"), ("all", "more"), ("all", "all")]:
        own = [cell for cell in cells if key in ((cell["set"], cell["size"]), ("all", kind_of(cell)), ("all", "all"))]
        line: dict[str, object] = {"set": key[0], "labels": key[1], "draws": len(own)}
        line["before"] = f"{100 * np.mean([cell['before'] for cell in own]):.1f}"
        line["random"] = f"{100 * np.mean([cell['random_choice'] for cell in own]):.1f}"
        for name in ("by default", *LABEL_STRATEGIES.names()):
            if name != "random_choice":
                mean, low, high = mean_and_interval([100 * (cell[name] - cell["random_choice"]) for cell in own])
                line[name] = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        lines.append(line)
    return lines


def kind_of(cell: dict[str, Any]) -> str:
    """Whether a draw is the smaller or the larger of its set."""
    return "few" if cell["size"] == SIZES[cell["set"]][0] else "more"


def main() -> None:
    """Run the draws that are not there yet, then print means."""
    options = arguments(__doc__ or "", seeds=10, sets=tuple(SIZES), first_seed=0)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "label_choice.jsonl"
    made = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(one["set"], one["size"], one["seed"]) for one in made}
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for place in options.sets:
        rows = vectors_of(place, MOST_ROWS)
        for size in SIZES[place]:
            for seed in seeds:
                if (place, size, seed) not in done:
                    made.append(draw(rows, place, size, seed))
                    with file.open("a") as stream:
                        stream.write(json.dumps(made[-1]) + "\n")
    show("label choice", summary([one for one in made if one["set"] in options.sets and one["seed"] in seeds]), [])


if __name__ == "__main__":
    main()
