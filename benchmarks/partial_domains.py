"""Targets that lack classes of their source, and targets with classes that their source lacks.

Pairs of `benchmarks.domain_pairs`: "full" as they are; "partial": the target keeps half of its classes; "open": a third of the
classes is taken out of the source. For full and partial targets, the first columns say what `classes_of_target` finds: the ratio
of neighbor agreements, its p-value, how many classes are left out, how many of these the target shows, and how many that it lacks
are kept. Then accuracies on the target's images of known classes, of methods that are fitted to all source classes, to those that
are kept ("kept"), and to those that the target really shows ("told"); for open targets with all target images, and without those
of unknown classes ("told"). `python -m benchmarks.partial_domains --seeds 1`; `--methods headstart` for the choice of the system.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.domain_pairs import PAIRS, made
from benchmarks.protocol import arguments
from headstart.backbones.backbone import Backbone
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.core.types import Booleans, Integers
from headstart.data.sources.source_classes import only_source_classes
from headstart.data.task import Task
from headstart.methods import method_from
from headstart.methods.model import Model
from headstart.planning.adapting.adapt import adaptation_to
from headstart.planning.adapting.class_presence import classes_of_target
from headstart.training.settings import Training

AUTOMATIC = "headstart"
METHODS = ("source_only", "domain_mean", "linear_monge", "share_matching", "pseudo_target", "jdot")


def accuracy(kind: str, task: Task, backbone: Backbone, truth: Integers) -> float:
    """Of a method, or of the models that the system chooses, on the unlabeled rows whose truth is a known class."""
    assert task.unlabeled is not None
    kinds: tuple[str, ...] = (kind,)
    if kind == AUTOMATIC:
        with tempfile.TemporaryDirectory() as folder:
            kinds = adaptation_to(task, backbone, steps=Steps(Path(folder))).chosen
    models: list[Model] = [method_from({"kind": one}).fit(task, backbone, Training(seed=task.seed)) for one in kinds]
    predicted = replace(models[0], partners=tuple(models[1:])).predict(task.unlabeled).predicted
    return float((predicted == truth)[truth >= 0].mean())


def with_target(task: Task, rows: Booleans) -> Task:
    """The task with some of its unlabeled rows, and without test rows."""
    assert task.unlabeled is not None
    return replace(task, unlabeled=task.unlabeled.take(np.flatnonzero(rows)), test=None)


def partial_lines(task: Task, backbone: Backbone, truth: Integers, kinds: tuple[str, ...]) -> Iterator[str]:
    """What is found of the classes, and accuracies with all, kept and told classes."""
    found = classes_of_target(task, backbone)
    shown = [task.classes[label] for label in np.unique(truth)]
    wrong, missed = set(found.missing) & set(shown), set(found.present) - set(shown)
    yield (
        f"  ratio {found.after / max(found.before, 1e-9):.2f}, p {found.p_value:.4f}: {len(found.missing)} classes left out, "
        f"{len(wrong)} of them shown; {len(missed)} kept that are missing"
    )
    tasks = {"all": task}
    if found.missing:
        tasks["kept"] = only_source_classes(task, found.present)
    if len(shown) < len(task.classes):
        tasks["told"] = only_source_classes(task, shown)
    for name, one in tasks.items():
        yield f"  {name}: " + ", ".join(f"{kind} {100 * accuracy(kind, one, backbone, truth):.1f}" for kind in kinds)


def lines(pair: str, seed: int, variants: tuple[str, ...], kinds: tuple[str, ...]) -> Iterator[str]:
    """All variants of a cell."""
    case = made((pair, seed))
    task, truth = case.task, case.truth
    order = generator_for(seed, "partial and open").permutation(task.num_classes)
    kept, unknown = order[: (task.num_classes + 1) // 2], order[: task.num_classes // 3]
    every = np.ones(len(truth), bool)
    for variant in variants:
        yield f"{pair}, seed {seed}, {variant}"
        if variant == "open":
            known = ~np.isin(truth, unknown)
            names = [name for label, name in enumerate(task.classes) if label not in unknown]
            opened, labels = only_source_classes(task, names), np.where(known, truth, -1)
            for name, rows in (("all", every), ("told", known)):
                part = with_target(opened, rows)
                numbers = (f"{kind} {100 * accuracy(kind, part, case.backbone, labels[rows]):.1f}" for kind in kinds)
                yield f"  {name}: " + ", ".join(numbers)
        else:
            rows = np.isin(truth, kept) if variant == "partial" else every
            yield from partial_lines(with_target(task, rows), case.backbone, truth[rows], kinds)


def main() -> None:
    """Print every cell."""
    given = arguments(__doc__ or "", seeds=1, pairs=PAIRS, methods=METHODS, variants=("full", "partial", "open"), first_seed=0)
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        for pair in given.pairs:
            for line in lines(pair, seed, tuple(given.variants), tuple(given.methods)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
