"""Weights of an ensemble of closed forms, chosen out of fold: accuracy on test rows, as gains on one network's default head.

A cell is "set:labels a class". Each draw takes so many labels and tests on all others. Every candidate that the run tries on
labeled rows is cross-validated and fitted; each rule then weighs them by their out-of-fold predictions alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import softmax

from benchmarks.protocol import arguments
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.folders import cache_folder
from headstart.core.predictions import log_probs
from headstart.core.steps import Steps
from headstart.core.types import Floats, Integers
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.heads.opinion_pool import Prior, fit_weights
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import cross_validate, fit_rows
from headstart.planning.deciding.closed_forms import PICTURE_HEADS, VIEWS
from headstart.planning.deciding.ensemble import MOST_MEMBERS, PRECISION_OF_FEW, PRIOR_PRECISION, Pool
from headstart.training.settings import Training

CELLS = ("digits:10", "digits:20", "mnist:10", "fashion-mnist:20", "emoji:10", "emoji:20", "emoji-twemoji:10", "elpv:50")
NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
PRECISIONS = {"no prior": (1e-9, 0.0), "60": (60.0, 0.0), "180": (180.0, 0.0), "prior alone": (1e9, 0.0)}
MOST = (3, 5, 8)


def candidates(task: Task) -> list[Candidate]:
    """The closed forms on all networks, the default head of the first in front, those on raw pixels, and those with views."""
    pixels = [("pixels", kind, "penultimate", 0) for kind in ("ridge", "kernel_ridge")]
    networks = [(name, kind, blocks, 0) for name in NETWORKS for kind, blocks in PICTURE_HEADS]
    seen = [*((name, *PICTURE_HEADS[0], VIEWS) for name in NETWORKS), ("pixels", "kernel_ridge", "penultimate", VIEWS)]
    return [
        Candidate(
            family="baseline" if name == "pixels" else "transfer",
            pretrained=name,
            weights="none" if name == "pixels" else "pretrained",
            input_pixels=input_pixels_for(card_of(name), task),
            method=settings_of(method_from({"kind": kind, "blocks": blocks, "views": views})),
            training=Training(),
        )
        for name, kind, blocks, views in [*networks, *pixels, *seen]
    ]


def drawn(cell: str, seed: int) -> tuple[Pool, Floats, Integers]:
    """The pool of a cell, log probabilities of test rows [candidate, sample, class], and their labels."""
    name, per_class = cell.split(":")
    task = read_task(name, seed, int(per_class))
    if task.test is None:
        raise SystemExit(f"{cell} leaves no images to test on.")
    test, steps, validated, logs = task.test.opened_for_evaluation(), Steps(cache_folder() / "pools"), [], []
    for one in candidates(task):
        backbone = load_backbone(one.pretrained, one.weights, one.input_pixels)
        validated.append(cross_validate(task, one, backbone, task.folds, steps))
        model = fit_rows(task, np.arange(len(task.labeled)), one, backbone, None)
        logs.append(log_probs(model.predict(test)))
    pool = Pool.of(validated)
    if pool is None:
        raise SystemExit(f"{cell}: nothing was fitted.")
    return pool, np.stack(logs), test.labels


def accuracies(cell: str, seed: int) -> dict[str, float]:
    """Accuracy of each rule on the test rows of one draw."""
    pool, logs, labels = drawn(cell, seed)

    def of(places: list[int], shares: Floats) -> float:
        return float((softmax(np.tensordot(shares, logs[places], 1), axis=1).argmax(axis=1) == labels).mean())

    every, num_rows = list(range(len(logs))), len(pool.labels)
    alone = int((pool.losses().sum(axis=1)).argmin())
    found = {"first": of([0], np.ones(1)), "best alone by log loss": of([alone], np.ones(1))}
    for name, (base, few) in {**PRECISIONS, "as the run": (PRIOR_PRECISION, PRECISION_OF_FEW)}.items():
        std = np.full(len(logs), (base + few / num_rows) ** -0.5)
        found[name] = of(every, np.array(fit_weights(pool.logs, pool.labels, Prior(pool.prior.mean, std))))
    for most in MOST:
        choice = pool.chosen(most)
        found[f"as the run, {most} members"] = of(list(choice.places), np.array(choice.shares))
    plain = Pool.of([one for one in pool.candidates if not one.candidate.method.get("views")])
    if plain is not None:
        choice = plain.chosen(MOST_MEMBERS)
        found["without views"] = of(
            [pool.candidates.index(plain.candidates[place]) for place in choice.places], np.array(choice.shares)
        )
    return found


def rows(cells: tuple[str, ...], seeds: int) -> Iterator[str]:
    """A line a cell: gains in points over the first network's default head, means over the seeds."""
    for cell in cells:
        draws = [accuracies(cell, seed) for seed in range(seeds)]
        gains = [100 * float(np.mean([draw[name] - draw["first"] for draw in draws])) for name in draws[0]]
        yield f"| {cell} | {' | '.join(f'{gain:+.1f}' for gain in gains)} |"


def main() -> None:
    """Print the table."""
    given = arguments(__doc__ or "", seeds=3, sets=CELLS)
    names = ["first", "best alone by log loss", *PRECISIONS, "as the run", *(f"{most} members" for most in MOST), "without views"]
    print(f"| cell | {' | '.join(names)} |")
    print("|---|" + "---|" * len(names))
    for row in rows(tuple(given.sets), given.seeds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
