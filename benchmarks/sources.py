"""Which sources are used: a good one, a useless one, a poisoned one, and each of the last two together with the good one.

The target is the emoji of one vendor with 0, 1, 3 or 10 labels a class. The good source is the other vendor's; the poisoned
one is the same with its labels permuted; the useless one is Fashion-MNIST with its ten classes named as classes of emoji.
Accuracies are those of ridge on the chosen rows, on the target's test images; without target labels a model can only be fitted
to sources. `python -m benchmarks.sources --seeds 20` takes some minutes; `--seeds 3 --accuracies` as long.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.data.additions import all_of
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.sources.task_with_sources import only_sources
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import method_from
from headstart.planning.sources.source_selection import select_sources
from headstart.training.settings import Training

USELESS_ROWS_A_CLASS = 70


def named(images: ImageSet, name: str) -> ImageSet:
    return replace(images, domains=(name,) * len(images))


def permuted(source: ImageSet, seed: int) -> ImageSet:
    order = generator_for(seed, "benchmark", "permuted").permutation(len(source))
    return named(replace(source, hidden_labels=source.hidden_labels[order]), "poisoned")


@cache
def clothes() -> ImageSet:
    return read_task("fashion-mnist", 0, USELESS_ROWS_A_CLASS).train


def useless(task: Task) -> ImageSet:
    return named(replace(clothes(), classes=task.classes), "useless")


def scenarios(task: Task, seed: int) -> Iterator[tuple[str, Task]]:
    good, other = named(task.source, "good"), useless(task)
    for name, parts in {
        "good": [good],
        "useless": [other],
        "poisoned": [permuted(good, seed)],
        "good+useless": [good, other],
        "good+poisoned": [good, permuted(good, seed)],
        "useless+poisoned": [other, permuted(good, seed)],
    }.items():
        yield name, replace(task, source=all_of(parts, task.classes))


def accuracy(task: Task, backbone: Backbone) -> float:
    kind = "source_only" if task.source else "ridge"
    model = method_from({"kind": kind}).fit(task, backbone, Training(seed=task.seed))
    return evaluate(model, task.test)[0].metrics["accuracy"].value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--target", default="emoji-twemoji")
    parser.add_argument("--source", default="emoji-noto")
    parser.add_argument("--labels", type=int, nargs="+", default=[0, 1, 3, 10])
    parser.add_argument("--accuracies", action="store_true", help="fit and test, too")
    given = parser.parse_args()
    backbone = load_backbone("efficientnet_lite0", "pretrained", 160, 0)
    for per_class in given.labels:
        used, chosen, alone, everything = defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list)
        for seed in range(given.seeds):
            task = read_task(given.target, seed, per_class, sources=[given.source])
            without = accuracy(only_sources(task, ()), backbone) if per_class and given.accuracies else np.nan
            for name, variant in scenarios(task, seed):
                ranking = select_sources(variant, backbone)
                used[name].append("+".join(sorted(ranking.used)) or "none")
                if given.accuracies:
                    kept = only_sources(variant, ranking.used)
                    alone[name].append(without)
                    everything[name].append(accuracy(variant, backbone))
                    chosen[name].append(accuracy(kept, backbone) if ranking.used else without)
        print(f"{given.target}, {per_class} labels a class, {given.seeds} seeds")
        for name, choices in used.items():
            counts = ", ".join(f"{choice} {choices.count(choice)}" for choice in sorted(set(choices), key=choices.count)[::-1])
            means = [np.mean(values[name]) for values in (alone, chosen, everything) if given.accuracies]
            shown = "alone {:.3f}  chosen {:.3f}  all sources {:.3f}  ".format(*means) if means else ""
            print(f"  {name:17} {shown}used: {counts}", flush=True)


if __name__ == "__main__":
    main()
