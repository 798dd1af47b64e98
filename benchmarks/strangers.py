"""Images of another kind, and of left-out classes of the same kind, by the p-value of `predict`.

Some classes of a set are known, with a few or many labels. Predicted are other images of these classes, images of its other
classes ("left out"), images of other sets, and patterns: noise, flat colors, color gradients, stripes. For each pair: the AUROC
of known against strange images, and the share flagged at 0.05; of known images that share is the false alarms. Digits and MNIST
show the same classes and are no pair. The detector without distances of the early stages stands beside it.

`python -m benchmarks.strangers --seeds 5`; `--photos DIR` adds a folder of photographs, DIR/<class>/*.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.processor import machine_line
from benchmarks.protocol import arguments
from headstart.backbones.backbone import Backbone
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.types import Floats, Integers
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.novelty.detector import UNUSUAL, NoveltyDetector, fit_detector

CELLS = (
    ("emoji-noto", 14, 12),
    ("emoji-noto", 22, 24),
    ("digits", 7, 8),
    ("digits", 7, 25),
    ("digits", 10, 100),
    ("mnist", 7, 25),
    ("elpv", 2, 15),
    ("elpv", 2, 86),
    ("elpv", 2, 250),
    ("fashion-mnist", 7, 5),
    ("fashion-mnist", 7, 25),
    ("fashion-mnist", 10, 100),
)
"""A set, how many of its classes are known, and the labels of each."""
PHOTO_CELLS = (("photos", 5, 34), ("photos", 8, 100))
SETS = ("emoji-noto", "digits", "mnist", "elpv", "fashion-mnist")
SAME_CLASSES = ({"digits", "mnist"},)
MOST_IMAGES = 1_500
"""Images of a set: known ones are drawn from them."""
MOST_STRANGE = 150
MOST_JUDGED = 400
"""Known images and images of left-out classes that are predicted."""
SIDE = 64
"""Of the patterns, in pixels."""
KINDS = ("directions alone", "with early stages")


class Found(NamedTuple):
    """Of one pair of known and strange images: AUROC and share flagged; of known images the AUROC is undefined."""

    auroc: float
    flagged: float


def main() -> None:
    """Print a line for each cell and detector, then means over the pairs."""
    options = arguments(__doc__ or "", seeds=5, pretrained="efficientnet_lite0", photos="", only="")
    sources = {name: name for name in SETS} | ({"photos": options.photos} if options.photos else {})
    tasks = {name: read_task(source, seed=0) for name, source in sources.items()}
    pools = {name: drawn(task) for name, task in tasks.items()}
    cells = [cell for cell in CELLS + (PHOTO_CELLS if options.photos else ()) if options.only in cell[0]]
    print(f"on {machine_line()}")
    pairs: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for cell in cells:
        backbone = load_backbone(options.pretrained)
        backbone = load_backbone(options.pretrained, input_pixels=input_pixels_for(backbone.card, tasks[cell[0]]))
        for (kind, other), pair in measured(cell, pools, backbone, options.seeds).items():
            pairs[kind, other if other in ("known", "left out", *patterns()) else "other sets"].append(pair)
    summary(pairs)


def measured(
    cell: tuple[str, int, int], pools: Mapping[str, ImageSet], backbone: Backbone, seeds: int
) -> dict[tuple[str, str], Found]:
    """Means over the seeds for each detector and strange set; they are printed, too."""
    name, num_classes, per_class = cell
    strange = {
        other: features_of(images.spaced(MOST_STRANGE), backbone)
        for other, images in {**pools, **patterns()}.items()
        if other != name and {other, name} not in SAME_CLASSES
    }
    features, found = features_of(pools[name], backbone), defaultdict(list)
    num, seconds = 0, 0.0
    for seed in range(seeds):
        rows, *others = draw(pools[name], num_classes, per_class, seed)
        own = {title: features.take(them) for title, them in zip(("known", "left out"), others, strict=True) if len(them)}
        begin = time.process_time()
        detector = fit_detector(task_of(name, pools[name], rows), backbone)
        assert detector is not None
        num, seconds = len(rows), seconds + time.process_time() - begin
        for kind, one in zip(KINDS, (detector.directions_only(), detector), strict=True):
            for other, pair in judge(one, {**own, **strange}).items():
                found[kind, other].append(pair)
    print(f"{name}, {num_classes} classes, {num} labels: fitted in {seconds / seeds:.2f} s of processor time")
    means = {key: Found(*np.mean(values, axis=0)) for key, values in found.items()}
    for kind in KINDS:
        shown = "  ".join(f"{other} {text(pair)}" for (of, other), pair in means.items() if of == kind)
        print(f"  {kind.ljust(17)}  {shown}", flush=True)
    return means


def text(pair: Found) -> str:
    """AUROC and share flagged; of known images the share alone."""
    return f"{pair.flagged:.3f}" if np.isnan(pair.auroc) else f"{pair.auroc:.3f}/{pair.flagged:.2f}"


def summary(pairs: Mapping[tuple[str, str], list[Found]]) -> None:
    """Print means and extremes over the cells and pairs."""
    for (kind, other), values in sorted(pairs.items()):
        auroc, flagged = np.array(values).T
        least = "" if other == "known" else f"AUROC {auroc.mean():.3f}, least {auroc.min():.3f}; "
        shares = f"flagged {flagged.mean():.3f}, from {flagged.min():.3f} to {flagged.max():.3f}"
        print(f"{kind}, {other} ({len(values)} pairs): {least}{shares}")


def drawn(task: Task) -> ImageSet:
    """Images of a set, at random."""
    images = task.train
    return images.take(np.random.default_rng(0).permutation(len(images))[:MOST_IMAGES])


def draw(pool: ImageSet, num_classes: int, per_class: int, seed: int) -> tuple[Integers, Integers, Integers]:
    """Rows to learn from, other rows of these classes, and rows of the other classes; 70 % of a small class are learned from."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.unique(pool.labels))[:num_classes]
    of_class = [rng.permutation(np.flatnonzero(pool.labels == label)) for label in classes]
    rows = np.concatenate([own[: min(per_class, int(0.7 * len(own)))] for own in of_class])
    known = np.isin(pool.labels, classes)
    others = np.flatnonzero(known & ~np.isin(pool.groups, pool.groups[rows]))
    return rows, rng.permutation(others)[:MOST_JUDGED], rng.permutation(np.flatnonzero(~known))[:MOST_JUDGED]


def task_of(name: str, pool: ImageSet, rows: Integers) -> Task:
    """A task with those labeled rows."""
    classes, labels = np.unique(pool.labels[rows], return_inverse=True)
    names = tuple(map(str, classes))
    return Task(name, names, replace(pool.take(rows), classes=names, hidden_labels=labels.astype(np.int64)))


def judge(detector: NoveltyDetector, judged: Mapping[str, FeatureSet]) -> dict[str, Found]:
    """The pairs of the known and each strange set."""
    p_values = {other: detector.p_values(features) for other, features in judged.items()}
    known = p_values["known"]
    return {
        other: Found(auroc(known, values) if other != "known" else np.nan, flagged(values)) for other, values in p_values.items()
    }


def flagged(p_values: Floats) -> float:
    return float((p_values < UNUSUAL).mean())


def auroc(known: Floats, strange: Floats) -> float:
    """Of p-values, whose many ties among strange images count half."""
    return float(roc_auc_score(np.arange(len(known) + len(strange)) < len(known), np.concatenate([known, strange])))


def patterns() -> dict[str, ImageSet]:
    """Pictures of nothing."""
    return {name: pictures(name, np.stack(list(made))) for name, made in made_of(np.random.default_rng(0)).items()}


def made_of(rng: np.random.Generator) -> dict[str, Iterator[Floats]]:
    """For each kind of pattern, pictures of values in 0 to 255, float [pixel, pixel, 3]."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    radius[0, 0] = 1.0

    def along() -> Floats:
        angle = rng.uniform(0, 2 * np.pi)
        return np.asarray(np.cos(angle) * x + np.sin(angle) * y)

    def between(share: Floats) -> Floats:
        first, second = rng.uniform(0, 255, (2, 3))
        return np.asarray(first + share[..., None] * (second - first))

    def smooth() -> Floats:
        waves = np.fft.fft2(rng.normal(size=(3, SIDE, SIDE))) / radius ** rng.uniform(0.5, 2)
        noise = np.fft.ifft2(waves).real.transpose(1, 2, 0)
        return np.asarray(128 + 50 * (noise - noise.mean((0, 1))) / noise.std((0, 1)))

    return {
        "noise": (rng.uniform(0, 255, (SIDE, SIDE, 3)) for _ in range(50)),
        "gray noise": (np.repeat(rng.normal(128, 40, (SIDE, SIDE, 1)), 3, axis=2) for _ in range(50)),
        "smooth noise": (smooth() for _ in range(50)),
        "flat": (np.broadcast_to(rng.uniform(0, 255, 3), (SIDE, SIDE, 3)) for _ in range(50)),
        "gradient": (between(np.clip(along(), 0, 1)) for _ in range(50)),
        "stripes": (between((np.sin(2 * np.pi * rng.uniform(2, 16) * along()) > 0).astype(float)) for _ in range(50)),
    }


def pictures(name: str, values: Floats) -> ImageSet:
    """An image set without labels."""
    places = np.arange(len(values))
    images = ArrayImages(np.clip(values, 0, 255).astype(np.uint8), name, places)
    return ImageSet(images, (), np.full(len(values), -1), places)


if __name__ == "__main__":
    main()
