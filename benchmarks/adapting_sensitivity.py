"""Thresholds of the choice among explanations of a shift, each halved and doubled: gain and harm.

The cells are those of `benchmarks.shifts` and `benchmarks.domain_pairs`, and generated classes in 16 dimensions whose class
shares, or features, or both, change (`CLOUDS`). In every cell each candidate in closed form is fitted once; then the choice is
made anew for every setting. Accuracy is that of the unlabeled target rows. Harm is more than a point below the unadapted model.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks import domain_pairs, shifts
from benchmarks._adapting import HARM, Case, Cell
from benchmarks.protocol import arguments
from headstart.backbones.loading import load_backbone
from headstart.core.steps import Steps
from headstart.core.types import UNLABELED, Floats
from headstart.data.images import Embeddings, ImageSet
from headstart.data.task import Task
from headstart.planning.adapting import consensus, model_selection
from headstart.planning.adapting.adaptation import UNADAPTED
from headstart.planning.adapting.candidate_fitting import CandidateFitter, FittedCandidate, methods_for
from headstart.planning.adapting.domain_pair import DomainPair, domain_pair_of, sampled_rows
from headstart.planning.adapting.model_selection import ModelSelection, mean_probs
from headstart.training.settings import Training

WIDTH, NUM_SOURCE, NUM_TARGET = 16, 163, 131
OFFSET = np.random.default_rng(5).normal(size=WIDTH)
EVEN, UNEVEN, MOSTLY_ONE = (0.2,) * 5, (0.5, 0.25, 0.15, 0.05, 0.05), (0.9, 0.025, 0.025, 0.025, 0.025)
CLOUDS: dict[str, tuple[tuple[float, ...], float, float]] = {
    "uneven shares": (UNEVEN, 0.0, 1.7),
    "uneven shares, wide": (UNEVEN, 0.0, 2.5),
    "mostly one class": (MOSTLY_ONE, 0.0, 1.7),
    "moved": (EVEN, 2.0, 1.7),
    "moved a little": (EVEN, 0.5, 1.7),
    "moved, wide": (EVEN, 1.0, 2.5),
    "moved, uneven shares": (UNEVEN, 0.5, 1.7),
}
"""Class shares of the target, its move along a fixed direction and the spread of classes whose centers are 1.5 wide."""
SETTINGS: dict[str, dict[tuple[object, str], float]] = {
    "as shipped": {},
    "LEVEL_OF_FIT halved": {(model_selection, "LEVEL_OF_FIT"): 0.5 * model_selection.LEVEL_OF_FIT},
    "LEVEL_OF_FIT doubled": {(model_selection, "LEVEL_OF_FIT"): 2 * model_selection.LEVEL_OF_FIT},
    "LEVEL_OF_GAIN halved": {(model_selection, "LEVEL_OF_GAIN"): 0.5 * model_selection.LEVEL_OF_GAIN},
    "LEVEL_OF_GAIN doubled": {(model_selection, "LEVEL_OF_GAIN"): 2 * model_selection.LEVEL_OF_GAIN},
    "no test of neighbors": {(model_selection, "LEVEL_OF_GAIN"): 1.0},
    "FEATURES_BELOW halved": {(model_selection, "FEATURES_BELOW"): 0.5 * model_selection.FEATURES_BELOW},
    "both bounds doubled": {
        (model_selection, "FEATURES_BELOW"): 2 * model_selection.FEATURES_BELOW,
        (model_selection, "OTHERS_ABOVE"): 2 * model_selection.OTHERS_ABOVE,
    },
    "OTHERS_ABOVE doubled": {(model_selection, "OTHERS_ABOVE"): 2 * model_selection.OTHERS_ABOVE},
    "LEAST_AGREEMENT 0.8": {(consensus, "LEAST_AGREEMENT"): 0.8},
    "LEAST_AGREEMENT 0.95": {(consensus, "LEAST_AGREEMENT"): 0.95},
    "MOST_MEMBERS halved": {(consensus, "MOST_MEMBERS"): 2},
    "MOST_MEMBERS doubled": {(consensus, "MOST_MEMBERS"): 8},
}
"""What is set otherwise."""


def rows_as(features: Floats, labels: list[int], name: str) -> ImageSet:
    rows = np.arange(len(features))
    images = Embeddings(features.astype(np.float32), name, rows)
    return ImageSet(images, tuple("abcde"), np.array(labels, np.int64), rows, (name,) * len(rows))


def clouds_case(cell: Cell) -> Case:
    """Five classes around random centers."""
    shares, move, spread = CLOUDS[cell[0]]
    random = np.random.default_rng(cell[1])
    centers = random.normal(size=(5, WIDTH)) * 1.5
    here, there = random.choice(5, NUM_SOURCE, p=EVEN), random.choice(5, NUM_TARGET, p=shares)
    source = centers[here] + random.normal(size=(NUM_SOURCE, WIDTH)) * spread
    target = centers[there] + random.normal(size=(NUM_TARGET, WIDTH)) * spread + move * OFFSET
    hidden = replace(rows_as(target, [UNLABELED] * NUM_TARGET, "target"), domains=())
    labeled = rows_as(source, here.tolist(), "source")
    task = Task(cell[0], tuple("abcde"), hidden.take([]), unlabeled=hidden, source=labeled, seed=cell[1])
    return Case(task, load_backbone("embeddings"), there)


GROUPS: dict[str, tuple[Callable[[Cell], Case], tuple[str, ...]]] = {
    "shifts": (shifts.made, tuple(shifts.SHIFTS)),
    "clouds": (clouds_case, tuple(CLOUDS)),
    "pairs": (domain_pairs.made, domain_pairs.PAIRS),
}


@contextmanager
def setting(values: dict[tuple[object, str], float]) -> Iterator[None]:
    """The thresholds set so, as long as the context lasts."""
    patches = [patch.object(module, name, value) for (module, name), value in values.items()]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def gains_of(pair: DomainPair, candidates: tuple[FittedCandidate, ...], truth: object) -> dict[str, float]:
    """By setting, accuracy of what is chosen less that of the unadapted model."""
    before = float((mean_probs(candidates, (UNADAPTED,)).argmax(axis=1) == truth).mean())
    found = {}
    for name, values in SETTINGS.items():
        with setting(values):
            chosen = ModelSelection(pair, candidates).verdict().chosen or (UNADAPTED,)
        found[name] = float((mean_probs(candidates, chosen).argmax(axis=1) == truth).mean()) - before
    return found


def main() -> None:
    """Fit the candidates of every cell, choose among them by every setting, and print mean gain and harm."""
    given = arguments(__doc__ or "", seeds=5, groups=tuple(GROUPS), first_seed=500)
    gains: dict[tuple[str, str], list[float]] = defaultdict(list)
    for group in given.groups:
        make, names = GROUPS[group]
        for cell in [(name, seed) for seed in range(given.first_seed, given.first_seed + given.seeds) for name in names]:
            case = make(cell)
            pair = domain_pair_of(case.task, case.backbone)
            with tempfile.TemporaryDirectory() as folder:
                fitter = CandidateFitter(pair, case.backbone, Steps(Path(folder)), None, Training(seed=cell[1]))
                candidates = tuple(fitter.candidate(method) for method in methods_for(case.task, case.backbone, None, False))
                found = gains_of(pair, candidates, case.truth[sampled_rows(len(case.truth))])
            for name, gain in found.items():
                gains[group, name].append(gain)
            print(cell, {name: round(gain, 3) for name, gain in found.items()}, file=sys.stderr, flush=True)
    print("| setting | " + " | ".join(f"{group}: gain, harmed" for group in given.groups) + " |")
    print("| --- |" + " --- |" * len(given.groups))
    for name in SETTINGS:
        cells = [gains[group, name] for group in given.groups]
        shown = " | ".join(f"{100 * np.mean(one):+.1f}, {sum(gain < -HARM for gain in one)} of {len(one)}" for one in cells)
        print(f"| {name} | {shown} |")


if __name__ == "__main__":
    main()
