"""Leave one domain out: MNIST digits at four angles, trained on three angles and tested on the fourth.

Every domain has different digits. EfficientNet-Lite0 at 32 pixels, cut in the middle; every method with its own settings. The
mean and the worst of the four accuracies are shown, and the mean gain over `erm`. Published: on the full RotatedMNIST no
method is clearly better than erm (Gulrajani & Lopez-Paz, ICLR 2021).

`nice python -m benchmarks.domain_generalization --seeds 3` keeps every result in `domain_generalization.jsonl` and continues
where it stopped.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

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


def rotated(pixels: Bytes, degrees: int) -> Bytes:
    """The pictures, rotated about their middle."""
    pictures = [Image.fromarray(one[..., 0]).rotate(degrees, Image.Resampling.BILINEAR) for one in pixels]
    return np.stack([np.asarray(one)[..., None] for one in pictures])


def task_of(seed: int, rows: int) -> Task:
    """`rows` digits at each angle, all different; there is no target."""
    whole = read_task("mnist", seed)
    held = whole.train.images
    assert isinstance(held, ArrayImages)
    order = generator_for(seed, "benchmark", "domains").permutation(len(whole.train))[: rows * len(ANGLES)]
    parts = np.array_split(order, len(ANGLES))
    pixels = np.concatenate([rotated(held.pixels[part], degrees) for part, degrees in zip(parts, ANGLES, strict=True)])
    domains = tuple(f"{degrees} degrees" for part, degrees in zip(parts, ANGLES, strict=True) for _ in part)
    images = ArrayImages(pixels, "rotated", np.arange(len(order)))
    source = ImageSet(images, whole.classes, whole.train.labels[order], np.arange(len(order)), domains)
    return replace(whole, name="rotated digits", train=source.take([]), test=None, unlabeled=None, source=source)


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
    """Mean and worst accuracy over domains, and the gain over erm, by method."""
    by_cell: dict[tuple[str, int], list[float]] = {}
    for row in found:
        accuracies = row["accuracies"]
        assert isinstance(accuracies, dict)
        by_cell[str(row["kind"]), int(str(row["seed"]))] = [float(value) for value in accuracies.values()]
    lines = ["method".ljust(16) + "mean".rjust(8) + "worst".rjust(8) + "gain".rjust(9) + "seeds".rjust(7)]
    for kind in dict.fromkeys(kind for kind, _ in by_cell):
        own = {seed: values for (name, seed), values in by_cell.items() if name == kind}
        gains = [np.mean(values) - np.mean(by_cell["erm", seed]) for seed, values in own.items() if ("erm", seed) in by_cell]
        mean, worst = np.mean(list(own.values())), np.mean([min(values) for values in own.values()])
        lines.append(
            kind.ljust(16)
            + f"{mean:.4f}".rjust(8)
            + f"{worst:.4f}".rjust(8)
            + f"{np.mean(gains):+.4f}".rjust(9)
            + f"{len(own)}".rjust(7)
        )
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, seed by seed, and print the table."""
    given = arguments(__doc__ or "", seeds=3, rows=150, epochs=8)
    place: Path = given.out / "domain_generalization.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    found = [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []
    found = [row for row in found if (row["rows"], row["epochs"]) == (given.rows, given.epochs)]
    done = {(row["kind"], row["seed"]) for row in found}
    ends = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    backbone = load_backbone("efficientnet_lite0", input_pixels=32)
    for seed in range(given.seeds):
        task = task_of(seed, given.rows)
        for kind in kinds():
            if (kind, seed) in done or time.monotonic() >= ends:
                continue
            begun = time.perf_counter()
            row = {"kind": kind, "seed": seed, "rows": given.rows, "epochs": given.epochs}
            row |= {"accuracies": measured(kind, task, backbone, given.epochs), "seconds": time.perf_counter() - begun}
            found.append(row)
            with place.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
