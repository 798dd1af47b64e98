"""The verdict if there is no difference.

Randomly permuted labels: the verdict "no difference" and an accuracy interval that covers chance, expected in at least 9 of 10
seeds. One model under two names, cross-validated on two draws of the folds: a false winner in at most 6 % of 100 repetitions.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from benchmarks.protocol import arguments, show
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.checks.inspection import inspect
from headstart.core.seeds import generator_for, seed_for
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import cross_validate
from headstart.planning.deciding.decide import decide
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.verdict import Side, compared, wins
from headstart.planning.ranking.rank import rank
from headstart.training.settings import Training
from headstart.workflows.fit import fit


def permuted(images: ImageSet, seed: int, name: str) -> ImageSet:
    """The same pictures with their labels shuffled."""
    order = generator_for(seed, "permute", name).permutation(len(images))
    return replace(images, hidden_labels=images.hidden_labels[order])


def permuted_task(place: str, per_class: int, seed: int) -> Task:
    """The task with all labels shuffled."""
    task = read_task(place, seed, per_class)
    return replace(task, train=permuted(task.train, seed, "train"), test=permuted(task.test, seed, "test"))


def permuted_labels(seeds: int, minutes: float, out: Path) -> None:
    """One row a seed."""
    rows = []
    for seed in range(seeds):
        begun = time.perf_counter()
        task = permuted_task("digits", 10, seed)
        inspect(task)
        folder = out / f"permuted-{seed}"
        steps = Steps(folder / "steps")
        ranking = rank(task, [card_of("efficientnet_lite0")], steps=steps)
        decision, plan = decide(task, ranking, Options(), steps, minutes=minutes)
        accuracy = fit(task, plan, folder).evaluation.accuracy
        chance = 1 / task.num_classes
        rows.append(
            {
                "seed": seed,
                "verdict": decision.verdict,
                "gain": decision.gain.value,
                "accuracy": accuracy.value,
                "covers chance": float(accuracy.low <= chance <= accuracy.high),
                "no difference": float(decision.verdict == "no difference"),
                "seconds": time.perf_counter() - begun,
            }
        )
    show("labels permuted at random (digits, 10 a class)", rows, ["no difference", "covers chance"])


def twins(repetitions: int, out: Path) -> None:
    """How often one model under two names yields a winner: the same method on the same rows, judged on two draws of the folds."""
    backbone = load_backbone("pixels", "none", 8)
    method = {"kind": "ridge", "blocks": "penultimate"}
    rows = []
    for seed in range(repetitions):
        task = read_task("digits", seed, per_class=20)
        training = Training(seed=seed)
        candidate = Candidate(
            family="baseline", pretrained="pixels", weights="none", input_pixels=8, method=method, training=training
        )
        sides = []
        for number, name in enumerate(("first", "second")):
            drawn = replace(task, seed=seed_for(seed, "twins", number))
            validated = cross_validate(drawn, candidate, backbone, drawn.folds, Steps(out / "twins" / name))
            sides.append(Side(name, validated.predictions))
        forth, back = compared(*sides, seed), compared(*reversed(sides), seed)
        rows.append({"seed": seed, "first wins": float(wins(forth)), "second wins": float(wins(back))})
    show("the same model under two names", rows, ["first wins", "second wins"])


def main() -> None:
    """Print both tables."""
    options = arguments(__doc__ or "", seeds=10)
    permuted_labels(options.seeds, options.minutes or 1.0, options.out)
    twins(10 * options.seeds, options.out)


if __name__ == "__main__":
    main()
