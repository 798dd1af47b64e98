"""Deletion curves: how often attribution maps name what a model needs better than random maps do.

A ridge head on all stages of EfficientNet-Lite0 (96 pixels) learns half of a set. Of images of the other half, maps are made for
the class that is predicted, right or wrong, by each way to make maps. Places are then replaced in the order of the map, and in
that of five random maps of the same resolution; the map beats them if the area under the curve of its probability is below their
median.
Maps are made with blurred places, or with what `--fills` says, and judged by either. `python -m benchmarks.deletion_curves`.

Expected: RISE beats random maps on more than 9 of 10 images if it is judged by what it was made with, Grad-CAM does not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import arguments
from benchmarks.slices import halves, images_of, network
from headstart.attribution.class_scores import maskable, probs_of
from headstart.attribution.deletion import deletion_curves
from headstart.attribution.maps import MAPS
from headstart.core.records import write_atomically
from headstart.data.masked import FILLS, Fill
from headstart.evaluation.intervals import wilson
from headstart.features.extract import features_of
from headstart.methods.heads import ridge_head
from headstart.methods.model import Model

SETS = ("digits", "mnist", "fashion-mnist", "emoji-noto")
IMAGES = 20
"""Of a seed."""


def measured(name: str, seed: int, fills: Sequence[Fill]) -> dict[str, Any]:
    """Areas by map, by fill of the map and by fill of the curve, for so many images."""
    learned, rows = halves(images_of(name), seed)
    head, temperature = ridge_head(features_of(learned, network()), learned.labels, learned.num_classes, "stages", learned.groups)
    model = Model(network(), head, temperature, learned.classes)
    rows = rows.spaced(IMAGES)
    probs = probs_of(model, rows.images)
    labels = probs.argmax(axis=1)
    pictures = {fill: maskable(model, rows.images, fill) for fill in FILLS}
    found: dict[str, Any] = {"right": (labels == rows.labels).tolist(), "probability": probs.max(axis=1).tolist(), "areas": {}}
    for method in MAPS.names():
        for made_with in fills:
            maps = MAPS.get(method)().maps(model, pictures[made_with], labels)
            for judged_by in FILLS:
                curves = deletion_curves(model, pictures[judged_by], labels, maps, seed=seed)
                areas = {"map": curves.areas.tolist(), "random": curves.random_areas.tolist()}
                found["areas"][f"{method} {made_with} {judged_by}"] = areas
    return found


def cell(folder: Path, name: str, seed: int, fills: Sequence[Fill]) -> dict[str, Any]:
    """A measurement, read where it was made before."""
    path = folder / f"{name}-{'-'.join(fills)}-{seed}.json"
    if not path.exists():
        write_atomically(path, json.dumps(measured(name, seed, fills)))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def line(cells: list[dict[str, Any]], key: str) -> str:
    areas = np.concatenate([one["areas"][key]["map"] for one in cells])
    random = np.concatenate([one["areas"][key]["random"] for one in cells])
    beats = areas < np.median(random, axis=1)
    share = wilson(int(beats.sum()), len(beats))
    alone = np.mean(random[:, :1] < np.median(random[:, 1:-1], axis=1, keepdims=True))
    return (
        f"beats random on {beats.sum()} of {len(beats)}: {share.value:.3f} [{share.low:.3f}, {share.high:.3f}]  "
        f"area {areas.mean():.3f}, random {random.mean():.3f}; a random map beats the others on {alone:.2f}"
    )


def main() -> None:
    given = arguments(__doc__ or "", 3, sets=SETS, fills=("blur",))
    cells: dict[str, list[dict[str, Any]]] = {}
    for name in given.sets:
        for seed in range(given.seeds):
            cells.setdefault(name, []).append(cell(given.out / "deletion_curves", name, seed, given.fills))
    every = [one for made in cells.values() for one in made]
    right = np.concatenate([one["right"] for one in every])
    print(f"{len(right)} images, {right.mean():.1%} predicted right")
    for key in every[0]["areas"]:
        method, made_with, judged_by = key.split(" ")
        print(f"\n{method}, made with {made_with}, judged by {judged_by}")
        for name, made in (*cells.items(), ("all", every)):
            print(f"  {name.ljust(14)} {line(made, key)}")


if __name__ == "__main__":
    main()
