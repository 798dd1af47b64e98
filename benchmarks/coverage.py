"""Intervals of runs without a test split against the accuracy on all images that were left: coverage, bias and width.

Each draw takes some groups of a set as the labeled images, decides among the closed forms as a run on feature vectors does, fits
the chosen one to all of them, and predicts every other image of the set. The features, EfficientNet-Lite0's last layer, are
extracted once a set. Beside it stands what a run that sets a fifth aside would say: the interval of the first fold, as of a test.

Expected: 92 to 98 % of the intervals hold the accuracy on the other images, whose own noise is part of the miss; the mean bias
is below 1 point; the width is at most 0.6 of that of a fifth held out.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.protocol import arguments, show
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.core.steps import Steps
from headstart.core.types import Integers
from headstart.data.images import Embeddings, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluation_of
from headstart.features.extract import features_of
from headstart.methods.model import Model
from headstart.planning.deciding.chosen import evaluation_of_chosen
from headstart.planning.deciding.decide import decide
from headstart.planning.deciding.options import Options
from headstart.planning.fitting import fit_plan
from headstart.planning.ranking.rank import rank
from headstart.planning.ranking.ranking import Ranking

NETWORK = "efficientnet_lite0"
SIZES = {
    "digits": (50, 100, 300, 1_000),
    "mnist": (50, 100, 300, 1_000),
    "fashion-mnist": (50, 100, 300, 1_000),
    "elpv": (50, 100, 300),
    "emoji": (110, 220, 440),
}
MOST_ROWS = 4_000
LEAST_PER_CLASS = 2


def vectors_of(place: str, most: int) -> ImageSet:
    """All images of a set, or so many of them, as feature vectors with their labels and groups."""
    task = read_task(place, test=None if place == "fashion-mnist" else 0)
    rows = task.train.spaced(most)
    card = card_of(NETWORK)
    features = features_of(rows, load_backbone(NETWORK, input_pixels=input_pixels_for(card, task)))
    images = Embeddings(np.array(features.penultimate[:], np.float32), place, np.arange(len(rows)))
    return ImageSet(images, rows.classes, rows.labels, rows.groups)


def drawn(rows: ImageSet, size: int, seed: int) -> tuple[Integers, Integers]:
    """Rows of random groups, about so many, and the rows of all others whose class they show twice at least."""
    order = generator_for(seed, "coverage", size).permutation(np.unique(rows.groups))
    counts = np.bincount(rows.groups)[order]
    taken = order[: int(np.searchsorted(np.cumsum(counts), size)) + 1]
    labeled = np.isin(rows.groups, taken)
    shown = np.bincount(rows.labels[labeled], minlength=rows.num_classes) >= LEAST_PER_CLASS
    known = shown[rows.labels]
    return np.flatnonzero(labeled & known), np.flatnonzero(~labeled & known)


def task_of(rows: ImageSet, labeled: Integers, seed: int) -> Task:
    """The task of those rows, with the classes that they show."""
    part = rows.take(labeled)
    shown = np.unique(part.labels)
    classes = tuple(rows.classes[label] for label in shown)
    relabeled = replace(part, classes=classes, hidden_labels=np.searchsorted(shown, part.labels))
    return Task("draw", classes, relabeled, seed=seed, place="draw")


def draw_of(rows: ImageSet, place: str, size: int, seed: int, ranking: Ranking) -> dict[str, object]:
    """One draw: what the run says, and what is true of the other images."""
    labeled, others = drawn(rows, size, seed)
    task = task_of(rows, labeled, seed)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps(Path(folder) / "steps")
        decision, plan = decide(task, ranking, Options(), steps)
        found = evaluation_of_chosen(task, plan, steps)
        fit_plan(task, plan, Path(folder) / "model", steps, Path(folder) / "work")
        predicted = Model.load(Path(folder) / "model").predict(rows.take(others))
    assert found is not None
    said = found[0].accuracy
    names = np.array(rows.classes)[rows.labels[others]]
    true = float(np.mean(np.array(predicted.classes)[predicted.predicted] == names))
    fifth = evaluation_of(found[1].take(np.arange(len(task.folds[0].held_out))), "test").accuracy
    plain = next(one.accuracy for one in decision.results if one.name == decision.chosen)
    return {
        "set": place,
        "labels": len(labeled),
        "seed": seed,
        "accuracy": true,
        "said": said.value,
        "low": said.low,
        "high": said.high,
        "covered": float(said.low <= true <= said.high),
        "bias": said.value - true,
        "bias of the comparison": plain.value - true if plain else float("nan"),
        "width": said.high - said.low,
        "width / a fifth's": (said.high - said.low) / (fifth.high - fifth.low),
        "seconds": time.process_time() - begun,
    }


def main() -> None:
    """Print a table a set, then one of all draws together."""
    options = arguments(__doc__ or "", seeds=12, sets=tuple(SIZES), rows=MOST_ROWS)
    every: list[dict[str, object]] = []
    for place in options.sets:
        rows = vectors_of(place, options.rows)
        ranking = rank(task_of(rows, drawn(rows, SIZES[place][-1], 0)[0], 0), [card_of("embeddings")])  # of one: chooses nothing
        made = [draw_of(rows, place, size, seed, ranking) for size in SIZES[place] for seed in range(options.seeds)]
        show(f"intervals without a test split: {place}", made, ["covered", "bias"], ["width / a fifth's"])
        every += made
    show("intervals without a test split: all draws", _by_size(every), ["covered", "bias"], ["width / a fifth's"])


def _by_size(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """The rows without what tells them apart, so that the summary below them is over all."""
    return [{name: row[name] for name in ("set", "labels", "covered", "bias", "width / a fifth's")} for row in rows]


if __name__ == "__main__":
    main()
