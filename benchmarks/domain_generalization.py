"""Leave one domain out: MNIST digits in four domains, trained on three of them and tested on the fourth.

Two shifts: "angles" shows the digits at 0, 25, 50 and 75 degrees, "styles" as they are, inverted, faint and noisy. Every domain
has different digits. EfficientNet-Lite0 at 32 pixels, cut in the middle; every method with its own settings, and all with the
same streams, steps, smoothing and averaging (a test holds them to it). The mean and the worst of the four accuracies are shown,
and the mean gain over `erm` with its standard error over domains and seeds. Published: on the full RotatedMNIST no method is
clearly better than erm (Gulrajani & Lopez-Paz, ICLR 2021).

`nice python -m benchmarks.domain_generalization --seeds 3` keeps every result in `domain_generalization.jsonl` and continues
where it stopped.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.processor import machine_line
from benchmarks.protocol import arguments
from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.core.types import Bytes
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, method_from
from headstart.training.settings import Training

ANGLES = (0, 25, 50, 75)
NOISE = 60.0
"""Standard deviation, of 255 gray levels."""


def rotated(pixels: Bytes, degrees: int) -> Bytes:
    """The pictures, rotated about their middle."""
    pictures = [Image.fromarray(one[..., 0]).rotate(degrees, Image.Resampling.BILINEAR) for one in pixels]
    return np.stack([np.asarray(one)[..., None] for one in pictures])


def noisy(pixels: Bytes) -> Bytes:
    noise = generator_for(0, "benchmark", "noise").normal(0, NOISE, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


SHIFTS: dict[str, dict[str, Callable[[Bytes], Bytes]]] = {
    "angles": {f"{angle} degrees": lambda pixels, angle=angle: rotated(pixels, angle) for angle in ANGLES},
    "styles": {
        "plain": lambda pixels: pixels,
        "inverted": lambda pixels: 255 - pixels,
        "faint": lambda pixels: pixels // 4 + 100,
        "noisy": noisy,
    },
}
"""What is done to the digits of each domain."""


def task_of(shift: str, seed: int, rows: int) -> Task:
    """`rows` digits in each domain, all different; there is no target."""
    whole = read_task("mnist", seed)
    held = whole.train.images
    assert isinstance(held, ArrayImages)
    changes = SHIFTS[shift]
    order = generator_for(seed, "benchmark", "domains").permutation(len(whole.train))[: rows * len(changes)]
    parts = np.array_split(order, len(changes))
    pixels = np.concatenate([change(held.pixels[part]) for part, change in zip(parts, changes.values(), strict=True)])
    domains = tuple(name for part, name in zip(parts, changes, strict=True) for _ in part)
    images = ArrayImages(pixels, shift, np.arange(len(order)))
    source = ImageSet(images, whole.classes, whole.train.labels[order], np.arange(len(order)), domains)
    return replace(whole, name=f"digits, {shift}", train=source.take([]), test=None, unlabeled=None, source=source)


def kinds() -> list[str]:
    found = [kind for kind in METHODS.names() if METHODS.get(kind).__module__.startswith("headstart.methods.generalize.")]
    return ["erm", *(kind for kind in found if kind != "erm")]


def measured(kind: str, task: Task, backbone: Backbone, epochs: int) -> dict[str, float]:
    """Accuracy on each domain of what was learned from the others."""
    training = Training(epochs=epochs, views=4, seed=task.seed)
    accuracies, source = {}, task.source
    assert source is not None
    for name in source.domain_names:
        left_out = np.array(source.domains) == name
        part = replace(task, source=source.take(~left_out))
        model = method_from({"kind": kind}).fit(part, backbone, training)
        accuracies[name] = evaluate(model, source.take(left_out), name)[0].accuracy.value
    return accuracies


def table(found: list[dict[str, object]]) -> str:
    """Mean and worst accuracy over domains, and the gain over erm, by shift and method."""
    by_cell: dict[tuple[str, str, int], list[float]] = {}
    for row in found:
        accuracies = row["accuracies"]
        assert isinstance(accuracies, dict)
        by_cell[str(row["shift"]), str(row["kind"]), int(str(row["seed"]))] = [float(value) for value in accuracies.values()]
    lines = ["| shift | method | mean | worst | gain over erm (its error) | seeds |", "|---|---|---|---|---|---|"]
    for shift, kind in dict.fromkeys((shift, kind) for shift, kind, _ in by_cell):
        own = {seed: values for (where, name, seed), values in by_cell.items() if (where, name) == (shift, kind)}
        shared = [seed for seed in own if (shift, "erm", seed) in by_cell]
        gains = np.array([np.subtract(own[seed], by_cell[shift, "erm", seed]) for seed in shared]).ravel()
        mean, worst = np.mean(list(own.values())), np.mean([min(values) for values in own.values()])
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        gain = f"{100 * gains.mean():+.1f} ({100 * error:.1f})" if len(gains) else ""
        lines.append(f"| {shift} | `{kind}` | {100 * mean:.1f} | {100 * worst:.1f} | {gain} | {len(own)} |")
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, seed by seed, and print the table."""
    given = arguments(__doc__ or "", seeds=3, rows=150, epochs=8, shifts=tuple(SHIFTS))
    place: Path = given.out / "domain_generalization.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    found = [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []
    found = [row for row in found if "shift" in row and (row["rows"], row["epochs"]) == (given.rows, given.epochs)]
    done = {(row["shift"], row["kind"], row["seed"]) for row in found}
    ends = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    backbone = load_backbone("efficientnet_lite0", input_pixels=32)
    for shift, seed, kind in [(shift, seed, kind) for seed in range(given.seeds) for shift in given.shifts for kind in kinds()]:
        if (shift, kind, seed) in done or time.monotonic() >= ends:
            continue
        begun = time.perf_counter()
        row = {"shift": shift, "kind": kind, "seed": seed, "rows": given.rows, "epochs": given.epochs}
        accuracies = measured(kind, task_of(shift, seed, given.rows), backbone, given.epochs)
        row |= {"accuracies": accuracies, "seconds": time.perf_counter() - begun}
        found.append(row)
        with place.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
    sys.stdout.write(f"{machine_line()}\n{table(found)}\n")


if __name__ == "__main__":
    main()
