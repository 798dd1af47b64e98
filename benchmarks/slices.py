"""Slices that are worse than others: found where one was made worse, and not found where there is none.

A ridge on EfficientNet-Lite0's last layer learns half of a set, and judges the other half. "dark": of one class, another for each
seed, some of the judged images are darkened. They are found if slices of which more than half are darkened images hold more than
half of all darkened ones. "none": what was predicted for an image is given to another one: of any class ("any"), or of the same
class ("class"), where classes may differ, so that only slices of classes are true ones. "untouched": the set as it is, where half
of the judged images are searched; a slice of them is repeated if it is worse in the other, too. `python -m benchmarks.slices`.

Expected: dark found in 9 of 10 draws where darkening lowers the accuracy by 20 points; false slices in at most 1 of 20 runs
without any.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from benchmarks.protocol import arguments
from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions
from headstart.core.records import write_atomically
from headstart.core.seeds import generator_for
from headstart.core.types import Floats
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.reading import read_task
from headstart.evaluation.intervals import wilson
from headstart.evaluation.slice_report import SlicedRows, sliced
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge

NETWORK = "efficientnet_lite0"
SETS = ("digits", "mnist", "fashion-mnist")
"""Sets with classes that are mostly right, so that there is something to lose."""
SHARE = 0.4
"""Of the judged images of the class that are darkened."""
LIGHT = 0.15
"""Share of the brightness of a darkened image that remains."""
WORSE = 0.2
"""Darkening made images worse where their accuracy is so much lower than that of their class elsewhere."""
MOST_ROWS = 2_000


@cache
def images_of(name: str) -> ImageSet:
    """At most 2,000 labeled images of a set, as arrays."""
    rows = read_task(name, test=None if name == "fashion-mnist" else 0).train.spaced(MOST_ROWS)
    pixels = np.stack([np.asarray(rows.images.read(row)) for row in range(len(rows))])
    return replace(rows, images=ArrayImages(pixels, name, np.arange(len(rows))))


@cache
def network() -> Backbone:
    return load_backbone(NETWORK, "pretrained", 96, 0)


def seen(rows: ImageSet) -> Floats:
    return np.asarray(features_of(rows, network()).penultimate[:], np.float64)


def halves(rows: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    groups = np.unique(rows.groups)
    chosen = generator_for(seed, "benchmark", "slices").permutation(groups)[: len(groups) // 2]
    return rows.take(np.isin(rows.groups, chosen)), rows.take(~np.isin(rows.groups, chosen))


def darkened(rows: ImageSet, which: np.ndarray) -> ImageSet:
    """Those rows with a part of the light, and the noise of a camera that lacks it."""
    pixels = rows.images.pixels.astype(np.float32)
    noise = generator_for(0, "benchmark", "noise").normal(0, 15, pixels.shape)
    pixels[which] = np.clip(LIGHT * pixels[which] + noise[which], 0, 255)
    return replace(rows, images=ArrayImages(pixels.astype(np.uint8), f"{rows.images.origin} dark", np.arange(len(rows))))


def predicted(learned: ImageSet, rows: ImageSet) -> Predictions:
    fit = fit_ridge(seen(learned), learned.labels, learned.num_classes, groups=learned.groups)
    scores = seen(rows) @ fit.weight + fit.bias
    probs = softmax(scores / fit.temperature, axis=1)
    names = tuple(map(str, range(len(rows))))
    return Predictions(names, rows.classes, rows.labels, probs, probs, rows.groups)


def searched(predictions: Predictions, rows: ImageSet) -> SlicedRows:
    return sliced(predictions, rows.images, seen(rows))


def names_in(found: SlicedRows, classes: tuple[str, ...]) -> list[str]:
    return [one.slice.name + ("" if one.slice.label is None else f", {classes[one.slice.label]}") for one in found.worse]


def dark(name: str, seed: int) -> dict[str, Any]:
    """Whether the darkened images of one class are found."""
    learned, rows = halves(images_of(name), seed)
    mine = rows.labels == seed % rows.num_classes
    which = mine & (generator_for(seed, "benchmark", "dark").random(len(rows)) < SHARE)
    rows = darkened(rows, which)
    predictions = predicted(learned, rows)
    found = searched(predictions, rows)
    hits = [one.slice.rows & ((rows.labels == one.slice.label) | (one.slice.label is None)) for one in found.worse]
    hits = [one for one in hits if which[one].mean() > 0.5]
    held = np.logical_or.reduce(hits) if hits else np.zeros(len(rows), bool)
    right = predictions.correct
    return {
        "found": bool(held[which].mean() > 0.5),
        "rows": len(rows),
        "darkened": int(which.sum()),
        "right, dark": float(right[which].mean()),
        "right, same class": float(right[mine & ~which].mean()),
        "slices": len(found.candidates),
        "named": names_in(found, rows.classes),
    }


def none_of(name: str, seed: int, *, within: bool) -> dict[str, Any]:
    """The slices found where what was predicted for an image is given to another, of its class or of any."""
    learned, rows = halves(images_of(name), seed)
    predictions = predicted(learned, rows)
    right, generator = predictions.correct, generator_for(seed, "benchmark", "none")
    for one in np.unique(rows.labels) if within else ():
        places = np.flatnonzero(rows.labels == one)
        right[places] = right[generator.permutation(places)]
    right = right if within else generator.permutation(right)
    wrong = (rows.labels + 1) % rows.num_classes
    probs = np.eye(rows.num_classes)[np.where(right == 1, rows.labels, wrong)]
    made = replace(predictions, probs=probs, raw_probs=probs, groups=np.arange(len(rows)))
    found = searched(made, rows)
    false = [one for one in found.worse if not within or one.slice.within_classes]
    return {"found": bool(false), "slices": len(found.candidates), "named": names_in(found, rows.classes)}


def untouched(name: str, seed: int) -> dict[str, Any]:
    """Slices found in one half of the judged images, and how many of them are worse in the other half, too."""
    learned, rows = halves(images_of(name), seed)
    predictions = predicted(learned, rows)
    first = generator_for(seed, "benchmark", "again").random(len(rows)) < 0.5
    features = seen(rows)
    found = sliced(predictions.take(first), rows.images.take(np.flatnonzero(first)), features[first])
    again = 0
    rest, other = rows.take(~first), predictions.take(~first)
    columns = sliced(other, rest.images, features[~first])
    comparable = [one for one in found.worse if one.slice.attribute != "cluster"]  # the halves have clusters of their own
    for one in comparable:
        name_of = one.slice.name.partition(" (")[0]  # with the bounds of the other half
        same = [two for two in columns.candidates if two.name.partition(" (")[0] == name_of and two.label == one.slice.label]
        for two in same[:1]:
            among = np.ones(len(rest), bool) if two.label is None else rest.labels == two.label
            inside = two.rows & among
            again += bool(other.correct[inside].mean() < other.correct[among & ~inside].mean())
    return {"found": bool(found.worse), "told": len(comparable), "again": again, "named": names_in(found, rows.classes)}


MEASURES: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "dark": dark,
    "none, any": partial(none_of, within=False),
    "none, class": partial(none_of, within=True),
    "untouched": untouched,
}


def measured(folder: Path, kind: str, name: str, seed: int) -> dict[str, Any]:
    """A measurement, read where it was made before."""
    path = folder / f"{kind.replace(', ', '-')}-{name}-{seed}.json"
    if not path.exists():
        write_atomically(path, json.dumps(MEASURES[kind](name, seed)))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    given = arguments(__doc__ or "", 10, sets=SETS, kinds=tuple(MEASURES))
    for kind in given.kinds:
        every: list[dict[str, Any]] = []
        for name in given.sets:
            made = [measured(given.out / "slices", kind, name, seed) for seed in range(given.seeds)]
            every += made
            print(f"{kind.ljust(12)} {name.ljust(14)} {summary(made)}", flush=True)
            for seed, one in enumerate(made):
                print(f"    {seed}: {one}", flush=True)
        print(f"{kind.ljust(12)} {'all'.ljust(14)} {summary(every)}", flush=True)


def summary(made: list[dict[str, Any]]) -> str:
    count = sum(one["found"] for one in made)
    share = wilson(count, len(made))
    means = {
        key: np.mean([one[key] for one in made])
        for key in ("darkened", "right, dark", "right, same class", "slices")
        if key in made[0]
    }
    lower = [one for one in made if one.get("right, same class", 0) - one.get("right, dark", 0) >= WORSE]
    if lower:
        means["of those made worse"] = np.mean([one["found"] for one in lower])
        means["which are"] = len(lower)
    sums = {key: sum(one[key] for one in made) for key in ("told", "again") if key in made[0]}
    shown = "  ".join(
        [*(f"{key} {value:.2f}" for key, value in means.items()), *(f"{key} {value}" for key, value in sums.items())]
    )
    return f"found in {count} of {len(made)} [{share.low:.2f}, {share.high:.2f}]  {shown}"


if __name__ == "__main__":
    main()
