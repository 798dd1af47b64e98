"""Engines with reduced precision against exact engines: test accuracy of the ridge head on their features.

The head is fitted and tested on features of the same engine, as in the product. Features are cached, so that later seeds only
fit the head.

Expected: the mean difference over the three sets, three seeds each, within 0.3 points for bf16 and for int8.
"""

from __future__ import annotations

import numpy as np

from benchmarks.protocol import arguments, empty_cache, mean_and_interval, show
from headstart.backbones.catalog import card_of
from headstart.backbones.engines.choice import REFERENCE, engine_names, requested_engine
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.methods.probe.ridge import Ridge

NAME = "efficientnet_lite0"
SETS = {"emoji": None, "digits": 20, "elpv": 50}


def accuracy(task: Task, engine: str) -> float:
    """Test accuracy of ridge on features that this engine made."""
    backbone = load_backbone(NAME, input_pixels=input_pixels_for(card_of(NAME), task))
    backbone.engine = engine
    train, test = task.labeled, task.test.opened_for_evaluation()
    head, _ = Ridge().head_of(features_of(train, backbone), train.labels, task.num_classes, train.groups)
    return float(np.mean(head.scores(features_of(test, backbone)).argmax(axis=1) == test.labels))


def main() -> None:
    """Print a table a set, and the mean difference of each engine over all of them."""
    options = arguments(__doc__ or "", seeds=3, sets=tuple(SETS), engines=tuple(engine_names()))
    if requested_engine():
        raise SystemExit("HEADSTART_ENGINE names one engine, and this compares several. Unset it.")
    others = [name for name in options.engines if name != REFERENCE]
    differences: dict[str, list[float]] = {name: [] for name in others}
    with empty_cache():
        for place in options.sets:
            rows = []
            for seed in range(options.seeds):
                task = read_task(place, seed, SETS[place])
                found = {engine: accuracy(task, engine) for engine in (REFERENCE, *others)}
                rows.append({"seed": seed, **found, **{f"{name} gain": found[name] - found[REFERENCE] for name in others}})
                for name in others:
                    differences[name].append(found[name] - found[REFERENCE])
            show(f"{place}: test accuracy by engine", rows, [name for name in rows[0] if name.endswith(" gain")])
    means = {name: mean_and_interval(values) for name, values in differences.items()}
    summary = [{"engine": name, "mean gain": mean, "low": low, "high": high} for name, (mean, low, high) in means.items()]
    show("all sets and seeds, against float32", summary, [])


if __name__ == "__main__":
    main()
