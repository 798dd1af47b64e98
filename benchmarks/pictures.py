"""Generated pictures for benchmarks: made from installed packages, equal for equal seeds, all different."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from headstart.core.seeds import generator_for
from headstart.core.types import UNLABELED
from headstart.data.built_in import BUILT_IN
from headstart.data.images import FileImages, ImageSet
from headstart.data.task import Task

JPEG_QUALITY = 90
SHORT_SIDE, LONG_SIDE = (360, 440), (400, 500)


def jpegs(folder: Path, count: int, seed: int = 0) -> Path:
    """A folder of class folders with color JPEG files of about 400 pixels and 25 to 70 KB, made once.

    Each is a rotated crop of a photograph that comes with scikit-learn or of a solar cell, laid over another such crop, with
    colors of its own.

    Args:
        folder: Where they go.
        count: Number of files.
        seed: Of all crops.

    Returns:
        The folder of these files.
    """
    place = folder / f"jpeg-{count}-{seed}"
    if not _done(place):
        sources = _sources()
        _write(place, (_jpeg(sources, seed, row) for row in range(count)), ".jpg", quality=JPEG_QUALITY)
    return place


def _sources() -> list[tuple[str, list[Image.Image]]]:
    photographs = [Image.fromarray(array) for array in load_sample_images().images]
    cells = BUILT_IN.get("elpv")().read("elpv")
    kinds: dict[str, list[Image.Image]] = {"china": photographs[:1], "flower": photographs[1:]}
    for row in range(0, len(cells.labels), 10):
        kinds.setdefault(str(cells.labels[row]), []).append(cells.images.read(row))
    return list(kinds.items())


def _jpeg(sources: list[tuple[str, list[Image.Image]]], seed: int, row: int) -> tuple[str, Image.Image]:
    generator = generator_for(seed, "jpeg", row)
    sides = int(generator.integers(*SHORT_SIDE)), int(generator.integers(*LONG_SIDE))
    size = sides if generator.random() < 0.5 else sides[::-1]
    label, photographs = sources[row % len(sources)]
    _, others = sources[generator.integers(len(sources))]
    over, under = _crop(photographs, size, generator), _crop(others, size, generator)
    mixed = np.asarray(Image.blend(over, under, generator.uniform(0.1, 0.4)), np.float32)
    colored = mixed * generator.uniform(0.75, 1.25, 3) + generator.uniform(-20, 20, 3)
    return label, Image.fromarray(np.clip(colored + generator.normal(0, 4, mixed.shape), 0, 255).astype(np.uint8))


def _crop(pictures: list[Image.Image], size: tuple[int, int], generator: np.random.Generator) -> Image.Image:
    """A part of one of the pictures, rotated by up to 15 degrees, maybe mirrored."""
    picture = pictures[generator.integers(len(pictures))].rotate(generator.uniform(-15, 15), Image.Resampling.BICUBIC)
    part = generator.uniform(0.4, 0.8) * np.array(picture.size)
    left, top = generator.uniform(0, 1, 2) * (np.array(picture.size) - part)
    cut = picture.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + part[0], top + part[1]))
    return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if generator.random() < 0.5 else cut


def pngs(folder: Path, count: int, seed: int = 0) -> Path:
    """A folder of class folders with 64-pixel PNG files, made once: the embedded emoji, then the same in other hues, rotated.

    Args:
        folder: Where they go.
        count: Number of files.
        seed: Of turns and colors.

    Returns:
        The folder of these files.
    """
    place = folder / f"png-{count}-{seed}"
    if not _done(place):
        emoji = BUILT_IN.get("emoji")().read("emoji")
        order = generator_for(seed, "png order").permutation(len(emoji.labels))
        rows = [int(order[row % len(order)]) for row in range(count)]
        drawn = (_varied(emoji.images.read(row), row_of < len(order), seed, row_of) for row_of, row in enumerate(rows))
        labels = (str(emoji.labels[row]) for row in rows)
        _write(place, zip(labels, drawn, strict=True), ".png")
    return place


def _varied(picture: Image.Image, original: bool, seed: int, row: int) -> Image.Image:
    if original:
        return picture
    generator = generator_for(seed, "png", row)
    hue, saturation, value = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("HSV").split()
    shifted = Image.fromarray((np.asarray(hue) + generator.integers(30, 220)).astype(np.uint8))
    varied = Image.merge("HSV", (shifted, saturation, value)).convert("RGB")
    return varied.rotate(generator.uniform(-20, 20), Image.Resampling.BICUBIC, fillcolor="white")


def _done(place: Path) -> bool:
    return (place.parent / f"{place.name}.done").exists()


def _write(place: Path, pictures: Iterable[tuple[str, Image.Image]], suffix: str, **options: int) -> None:
    for row, (label, picture) in enumerate(pictures):
        path = place / label / f"{row:05d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, **options)
    (place.parent / f"{place.name}.done").touch()


def image_set_of(folder: Path) -> ImageSet:
    """The pictures of a folder of class folders, nothing of them read yet."""
    paths = tuple(sorted(path for path in folder.glob("*/*") if path.is_file()))
    classes = tuple(sorted({path.parent.name for path in paths}))
    labels = np.array([classes.index(path.parent.name) for path in paths], np.int64)
    return ImageSet(FileImages(paths), classes, labels, np.arange(len(paths)))


def write_task(task: Task, folder: Path, most_test_rows: int = 0) -> Path:
    """The task as PNG files with a manifest of path, label, split and group, for whatever else shall learn the same.

    Args:
        task: A task with a test set and without unlabeled rows.
        folder: Where it goes.
        most_test_rows: Test rows at most, evenly spread; 0 writes all.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "split", "group"])
        for split, part in (("train", task.labeled), ("test", task.test)):
            opened = part.opened_for_evaluation()
            rows = np.arange(len(opened))
            if split == "test" and 0 < most_test_rows < len(opened):
                rows = np.linspace(0, len(opened), most_test_rows, endpoint=False).astype(np.int64)
            for row in rows.tolist():
                label = opened.labels[row]
                if label == UNLABELED:
                    raise ValueError(f"{opened.images.name(row)} has no label")
                path = folder / f"{split}-{row:05d}.png"
                opened.images.read(row).save(path)
                writer.writerow([path.name, task.classes[label], split, f"{split}-{opened.groups[row]}"])
    return folder
