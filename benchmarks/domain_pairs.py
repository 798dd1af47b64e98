"""Real pairs of domains in both directions, without target labels: every adaptation in closed form, and model selection.

Noto and Twemoji (coarse classes; a code point of the test rows is in neither the source nor the unlabeled rows), MNIST and
scikit-learn's digits, mono- and polycrystalline solar cells (where source-only is below the majority class), and Fashion-MNIST
with inverted, noisy and rotated copies (of other pictures than the source has). At most 1,000 source rows, 1,000 unlabeled and
1,000 test target rows a cell, EfficientNet-Lite0's features at the side that the system takes.

"headstart, 20 labels" gets the labels of 20 unlabeled images that it chooses. Cells are kept in OUT/domain_pairs.jsonl, so
that a run that ends early or is killed continues; `--total-minutes` ends it between two fits.

Expected of "headstart": harm (more than a point below source-only) in at most 5 % of the cells, and at least 60 % of the gain
of the method that is best in hindsight, 80 % with 20 labels.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._adapting import AUTOMATIC, LABELED, Case, Cell, cells_of, closed_forms, fill, table
from benchmarks.protocol import arguments
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.core.types import UNLABELED, Bytes, Integers
from headstart.data.images import ArrayImages, FileImages, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task

BACKBONE = "efficientnet_lite0"
MOST_ROWS = 1_000
BUILT_IN = {
    "noto to twemoji": ("emoji-noto", "emoji-twemoji"),
    "twemoji to noto": ("emoji-twemoji", "emoji-noto"),
    "mnist to digits": ("mnist", "digits"),
    "digits to mnist": ("digits", "mnist"),
}
COPIES = ("inverted", "noisy", "rotated")
CELLS = {"mono to poly": ("mono", "poly"), "poly to mono": ("poly", "mono")}
PAIRS = (*BUILT_IN, *(f"clothes to {copy}" for copy in COPIES), *(f"{copy} to clothes" for copy in COPIES), *CELLS)
DEFECTS = ("functional", "defective")
POOLED_CLOTHES = 4_000
NOISE = 60.0
DEGREES = 45


def cut(images: ImageSet, seed: int, purpose: str) -> ImageSet:
    """At most 1,000 rows, drawn by the seed."""
    return images.take(np.sort(generator_for(seed, "domain pairs", purpose).permutation(len(images))[:MOST_ROWS]))


def case_of(name: str, source: ImageSet, target: ImageSet, test: ImageSet, seed: int) -> Case:
    """The case of a labeled source, a labeled target that is to lose its labels, and target rows to test on."""
    source, target, test = cut(source, seed, "source"), cut(target, seed, "target"), cut(test, seed, "test")
    source = replace(source, domains=("source",) * len(source))
    target, test = replace(target, domains=()), replace(test, domains=())
    hidden = replace(target, hidden_labels=np.full(len(target), UNLABELED, np.int64))
    read = [test.images.read(row) for row in range(min(50, len(test)))]
    native = int(np.median([min(picture.size) for picture in read]))
    sealed = replace(test, sealed=True)
    task = Task(name, source.classes, target.take([]), None, sealed, hidden, source, seed=seed, place=name, native_pixels=native)
    backbone = load_backbone(BACKBONE, input_pixels=input_pixels_for(card_of(BACKBONE), task))
    return Case(task, backbone, target.labels)


@cache
def labels_of(name: str) -> dict[str, str]:
    """The class of every picture of a built-in set, by its content."""
    task = read_task(name)
    parts = [task.train, *([task.test.opened_for_evaluation()] if task.test else [])]
    return {key: task.classes[label] for part in parts for key, label in zip(part.content_keys, part.labels, strict=True)}


def built_in_case(name: str, seed: int) -> Case:
    """A pair of built-in sets; the reader keeps source rows out of groups of the test rows."""
    source, target = BUILT_IN[name]
    if target.startswith("emoji-"):
        task = read_task("emoji", seed, 0, True, target=[target.removeprefix("emoji-")])
    else:
        task = read_task(target, seed, 0, True, sources=[source])
    labels = labels_of(target)
    assert task.source is not None
    assert task.unlabeled is not None
    assert task.test is not None
    rows = [row for row, key in enumerate(task.unlabeled.content_keys) if key in labels]
    free = task.unlabeled.take(rows)
    truth = np.array([task.classes.index(labels[key]) for key in free.content_keys], np.int64)
    return case_of(name, task.source, replace(free, hidden_labels=truth), task.test.opened_for_evaluation(), seed)


@cache
def solar_cells() -> tuple[tuple[Path, ...], Integers, tuple[str, ...]]:
    """Files, labels and kinds of cell of the package `elpv-dataset`."""
    package = importlib.util.find_spec("elpv_dataset")
    if package is None or package.origin is None:
        raise SystemExit("Install elpv-dataset first: pip install headstart[elpv].")
    folder = Path(package.origin).parent / "data"
    rows = [line.split() for line in (folder / "labels.csv").read_text(encoding="utf-8").splitlines()]
    return (
        tuple(folder / row[0] for row in rows),
        np.array([int(float(row[1]) > 0.5) for row in rows]),
        tuple(row[2] for row in rows),
    )


def cells_case(name: str, seed: int) -> Case:
    """Solar cells of one kind, and of the other."""
    paths, labels, kinds = solar_cells()
    both = ImageSet(FileImages(paths), DEFECTS, labels, np.arange(len(paths)))
    source, target = (np.flatnonzero(np.array(kinds) == kind) for kind in CELLS[name])
    order = generator_for(seed, "domain pairs", "cells").permutation(target)
    return case_of(name, both.take(source), both.take(order[: len(order) // 2]), both.take(order[len(order) // 2 :]), seed)


@cache
def clothes() -> tuple[Bytes, Integers, tuple[str, ...]]:
    """Some gray pictures of Fashion-MNIST, always the same, their labels and classes."""
    train = read_task("fashion-mnist", 0).train
    rows = np.sort(generator_for(0, "domain pairs", "clothes").permutation(len(train))[:POOLED_CLOTHES])
    some = train.take(rows)
    return some.images.squares(np.arange(len(some)), 28)[..., :1], some.labels, some.classes


@cache
def copied(copy: str) -> Bytes:
    """The same pictures, changed; every picture always in the same way."""
    pixels = clothes()[0]
    if copy == "inverted":
        return 255 - pixels
    if copy == "noisy":
        noise = generator_for(0, "domain pairs", "noise").normal(0.0, NOISE, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)
    rotated = [np.asarray(Image.fromarray(one[..., 0]).rotate(DEGREES, Image.Resampling.BILINEAR)) for one in pixels]
    return np.stack(rotated)[..., None]


def clothes_case(name: str, seed: int) -> Case:
    """Clothes and a changed copy of other clothes."""
    _, labels, classes = clothes()
    sides = [clothes()[0] if one == "clothes" else copied(one) for one in name.split(" to ")]
    order = generator_for(seed, "domain pairs", "split").permutation(len(labels))
    parts = np.split(order, [MOST_ROWS, 2 * MOST_ROWS, 3 * MOST_ROWS])[:3]

    def part(pixels: Bytes, rows: Integers) -> ImageSet:
        return ImageSet(ArrayImages(pixels[rows], name, rows), classes, labels[rows], rows)

    return case_of(name, part(sides[0], parts[0]), part(sides[1], parts[1]), part(sides[1], parts[2]), seed)


def made(cell: Cell) -> Case:
    """The cell's case."""
    name, seed = cell
    make = built_in_case if name in BUILT_IN else cells_case if name in CELLS else clothes_case
    return make(name, seed)


def main() -> None:
    """Judge what is missing, then print the table."""
    given = arguments(__doc__ or "", seeds=3, pairs=PAIRS, methods=("all",), first_seed=0, total_minutes=600.0)
    kinds = [*closed_forms(), AUTOMATIC, LABELED] if list(given.methods) == ["all"] else list(given.methods)
    cells = cells_of(given.pairs, given.seeds, given.first_seed)
    print(table(fill(given.out / "domain_pairs.jsonl", cells, kinds, made, given.total_minutes)))


if __name__ == "__main__":
    main()
