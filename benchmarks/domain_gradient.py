"""Gradient methods of domain adaptation from one set of digits to another, without target labels, behind a cached boundary.

Pairs: scikit-learn's digits to their inverted and to their noisy copies, MNIST to digits and back. Source, unlabeled and test
rows are different pictures. EfficientNet-Lite0 at 32 pixels, cut in the middle; every method with its own settings. The
unadapted models are `source_only`, ridge on all stages, and `erm`, the same training on source labels alone; gains are
relative to `erm`.

`nice python -m benchmarks.domain_gradient --seeds 3` keeps every fit in `domain_gradient.jsonl` and continues where it
stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.protocol import arguments
from headstart.backbones.loading import load_backbone
from headstart.core.seeds import generator_for
from headstart.core.types import UNLABELED, Bytes
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.reading import read_task
from headstart.data.task import Task
from headstart.evaluation.protocols import evaluate
from headstart.methods import METHODS, method_from
from headstart.training.settings import Training

UNADAPTED = ("source_only", "erm")
NOISE = 80.0
"""Standard deviation, of 255 gray levels."""
HARM = 0.01


def plain(pixels: Bytes, seed: int) -> Bytes:
    return pixels


def inverted(pixels: Bytes, seed: int) -> Bytes:
    return 255 - pixels


def noisy(pixels: Bytes, seed: int) -> Bytes:
    noise = generator_for(seed, "benchmark", "noise").normal(0, NOISE, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


PAIRS: dict[str, tuple[str, str, Callable[[Bytes, int], Bytes]]] = {
    "digits to inverted": ("digits", "digits", inverted),
    "digits to noisy": ("digits", "digits", noisy),
    "mnist to digits": ("mnist", "digits", plain),
    "digits to mnist": ("digits", "mnist", plain),
}
"""Source set, target set, and what is done to the target's pictures."""


def changed(images: ImageSet, change: Callable[[Bytes, int], Bytes], seed: int) -> ImageSet:
    held = images.images
    if not isinstance(held, ArrayImages):
        raise TypeError("the digits are arrays")
    return replace(images, images=replace(held, pixels=change(held.pixels, seed), origin=f"{held.origin} {change.__name__}"))


def task_of(pair: str, seed: int, rows: int) -> Task:
    """The first rows of the source's training part are labeled; the target's next ones, of other pictures, are not."""
    source_name, target_name, change = PAIRS[pair]
    whole, other = read_task(source_name, seed), read_task(target_name, seed)
    orders = [generator_for(seed, "benchmark", name).permutation(len(one.train)) for name, one in ((0, whole), (0, other))]
    source = whole.train.take(orders[0][:rows])
    target = changed(other.train.take(orders[1][rows : 2 * rows]), change, seed)
    hidden = replace(target, hidden_labels=np.full(len(target), UNLABELED, np.int64))
    assert whole.classes == other.classes
    assert other.test is not None
    source = replace(source, domains=(source_name,) * len(source))
    test = changed(other.test, change, seed + 1)
    return replace(other, train=other.train.take([]), unlabeled=hidden, test=test, source=source)


def kinds() -> list[str]:
    adapting = [
        kind
        for kind in METHODS.names()
        if METHODS.get(kind).__module__.startswith("headstart.methods.adapt.") and METHODS.get(kind).cost == "gradient"
    ]
    return [*UNADAPTED, *adapting]


def measured(pair: str, kind: str, seed: int, rows: int, epochs: int) -> dict[str, object]:
    """One fit: accuracy on the target's test pictures, and seconds."""
    task = task_of(pair, seed, rows)
    backbone = load_backbone("efficientnet_lite0", input_pixels=32)
    begun = time.perf_counter()
    model = method_from({"kind": kind}).fit(task, backbone, Training(epochs=epochs, views=4, seed=seed))
    seconds = time.perf_counter() - begun
    assert task.test is not None
    accuracy = evaluate(model, task.test)[0].metrics["accuracy"].value
    return {"pair": pair, "kind": kind, "seed": seed, "rows": rows, "epochs": epochs, "accuracy": accuracy, "seconds": seconds}


def table(found: list[dict[str, object]]) -> str:
    """Mean accuracy by method and pair, gain over erm, and the share of fits more than a point below it."""
    pairs = [pair for pair in PAIRS if any(row["pair"] == pair for row in found)]
    value = {(row["kind"], row["pair"], row["seed"]): float(str(row["accuracy"])) for row in found}
    lines = ["method".ljust(18) + "".join(pair.rjust(20) for pair in pairs) + "gain".rjust(8) + "harm".rjust(8) + "fits".rjust(6)]
    for kind in dict.fromkeys(str(row["kind"]) for row in found):
        own = {key: accuracy for key, accuracy in value.items() if key[0] == kind}
        gains = [own[key] - value["erm", key[1], key[2]] for key in own if ("erm", key[1], key[2]) in value]
        means = [[accuracy for key, accuracy in own.items() if key[1] == pair] for pair in pairs]
        cells = "".join((f"{np.mean(mean):.4f}" if mean else "").rjust(20) for mean in means)
        harm = float(np.mean([gain < -HARM for gain in gains])) if gains else float("nan")
        gain = float(np.mean(gains)) if gains else float("nan")
        lines.append(kind.ljust(18) + cells + f"{gain:+.4f}".rjust(8) + f"{harm:.2f}".rjust(8) + f"{len(own)}".rjust(6))
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, seed by seed, and print the table."""
    given = arguments(__doc__ or "", seeds=3, rows=400, epochs=5)
    place: Path = given.out / "domain_gradient.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    found = [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []
    found = [row for row in found if (row["rows"], row["epochs"]) == (given.rows, given.epochs)]
    done = {(row["pair"], row["kind"], row["seed"]) for row in found}
    ends = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    cells = [(pair, kind, seed) for seed in range(given.seeds) for pair in PAIRS for kind in kinds()]
    for pair, kind, seed in cells:
        if (pair, kind, seed) in done:
            continue
        if time.monotonic() >= ends:
            break
        found.append(measured(pair, kind, seed, given.rows, given.epochs))
        with place.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found[-1]) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
