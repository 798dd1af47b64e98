"""Detection of target images of unknown classes without target labels, and its false alarms.

A third of the classes is removed from the source ("open"), none is removed ("closed"), or a third is removed from the target
("partial"): only the first should be detected. Pairs of domains, and single sets whose halves are source and target. `python
-m benchmarks.unknown_classes --seeds 5`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from benchmarks.open_set import ALONE, MOST_KNOWN, PAIRS, few, removed_of
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.novelty.open_set import open_set_finding


def halves(name: str, seed: int) -> tuple[Task, np.ndarray]:
    """One half of a set as source, the other as target without labels; and the latter's labels, for leaving out classes."""
    task = read_task(name, seed)
    rows = few(task.train, MOST_KNOWN)
    groups = np.unique(rows.groups)
    first = np.isin(rows.groups, generator_for(seed, "benchmark", "halves").permutation(groups)[: len(groups) // 2])
    source, target = (rows.take(np.flatnonzero(part)) for part in (first, ~first))
    return split(task, source, target), target.labels


def pair(target: str, source: str, seed: int) -> tuple[Task, np.ndarray]:
    """A labeled source, a target without labels, and the latter's labels, for leaving out classes."""
    task = read_task(target, seed, sources=[source])
    rows = few(task.train, MOST_KNOWN)
    return split(task, task.source, rows), rows.labels


def split(task: Task, source: ImageSet, target: ImageSet) -> Task:
    source = replace(source, domains=("source",) * len(source))
    nothing = source.take(np.empty(0, np.int64))
    return replace(task, train=nothing, validation=None, test=None, source=source, unlabeled=target.without_labels())


def detected(task: Task, labels: np.ndarray, seed: int) -> list[bool]:
    """Open, closed and partial."""
    removed = removed_of(task, seed)
    backbone = load_backbone("efficientnet_lite0", "pretrained", 160 if task.native_pixels > 32 else 96, 0)
    opened = replace(task, source=task.source.take(np.flatnonzero(~np.isin(task.source.labels, removed))))
    partial = replace(task, unlabeled=task.unlabeled.take(np.flatnonzero(~np.isin(labels, removed))))
    return [open_set_finding(one, backbone) is not None for one in (opened, task, partial)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print(f"detected, of {len(seeds)}".ljust(34) + "open  closed  partial")
    for target, source in PAIRS:
        show(f"{source} to {target}", np.sum([detected(*pair(target, source, seed), seed) for seed in seeds], axis=0))
    for name in ALONE:
        show(f"halves of {name}", np.sum([detected(*halves(name, seed), seed) for seed in seeds], axis=0))


def show(title: str, counts: np.ndarray) -> None:
    print(title.ljust(34) + "  ".join(f"{count:>6}" for count in counts), flush=True)


if __name__ == "__main__":
    main()
