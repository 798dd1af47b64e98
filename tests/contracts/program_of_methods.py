"""Three steps of every method that trains by gradients; the losses are written as JSON. Started by `test_processes.py`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from conftest import POOL_COUNTS, SOURCE_COUNTS, TEST_COUNTS, TRAIN_COUNTS, image_set, rows_of

from headstart.backbones.loading import load_backbone
from headstart.core.errors import HeadstartError
from headstart.core.launched import launched
from headstart.data.task import Task
from headstart.methods import METHODS, method_from
from headstart.training.joining import all_processes
from headstart.training.settings import Training

TRAINING = Training(epochs=1, batch_size=13, ema=0.5, seed=3, precision="float32", stop_after=3)


def task() -> Task:
    """As in conftest; half of the source is another domain."""
    counts = [TRAIN_COUNTS, TEST_COUNTS, POOL_COUNTS, SOURCE_COUNTS]
    skipped = [tuple(map(sum, zip(*counts[:place], strict=True))) if place else (0, 0, 0) for place in range(4)]
    train, _, pool, source = (
        image_set(*rows_of(own, skip), sealed=False, dimmed=place == 3)
        for place, (own, skip) in enumerate(zip(counts, skipped, strict=True))
    )
    half = replace(source, domains=tuple(f"dimmed {row % 2}" for row in range(len(source))))
    classes = train.classes
    pool = pool.without_labels()
    return Task("digits", classes, train, None, None, pool, half, place="digits", native_pixels=8, channels=1)


def program(out: Path, kinds: list[str]) -> None:
    """Fit each method, and write the losses of all of its steps, or what was refused."""
    found = {}
    for kind in kinds or [name for name in METHODS.names() if METHODS.get(name).cost == "gradient"]:
        backbone = load_backbone("small_cnn", "none", 8, seed=2)
        backbone.weights, backbone.source_classes = "pretrained", True
        try:
            method_from({"kind": kind}).fit(task(), backbone, TRAINING, out / kind)
        except HeadstartError as error:
            found[kind] = [{"error": str(error)}]
            continue
        histories = sorted((out / kind).rglob("history.jsonl"))
        lines = [json.loads(line) for path in histories for line in path.read_text().splitlines()]
        found[kind] = [line["losses"] for line in lines]
    (out / "losses.json").write_text(json.dumps(found))


if __name__ == "__main__":
    place = launched()
    if place is None:
        program(Path(sys.argv[1]), sys.argv[2:])
    else:
        with all_processes(place) as leads:
            if leads:
                program(Path(sys.argv[1]), sys.argv[2:])
