"""The engine that headstart chooses against the fastest that the machine has: pictures a second, measured in turn.

The choice is made as users meet it, with an empty cache. Then every engine whose arithmetic the hardware has, and that is quickly
made, runs the same pictures, one after the other and again, and its best of three counts. Engines whose features are too far
from exact ones are rejected by design and count on neither side.

Expected: the chosen one within a tenth of the fastest.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.pictures import image_set_of, jpegs
from benchmarks.protocol import alone, arguments, empty_cache, show
from headstart.backbones.engines.base import Engine
from headstart.backbones.engines.choice import LARGEST_ERROR, REFERENCE, engine_named
from headstart.backbones.engines.machine import native_engine_names
from headstart.backbones.engines.trial import feature_error
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.core.types import Bytes
from headstart.data.images import ImageSet
from headstart.features.extract import engine_name_of

NUM_PICTURES = 64
TURNS = 3
SLOW_TO_MAKE = ("int8", "-compiled")


def rates(images: ImageSet, name: str, side: int) -> tuple[str, dict[str, float]]:
    """The engine chosen, and the best rate of every engine that is close enough."""
    backbone = load_backbone(name, input_pixels=side)
    with empty_cache():
        chosen = engine_name_of(images, backbone)
        pictures = backbone.transform.decode(images.images, np.arange(min(NUM_PICTURES, len(images))))
        program = Describe(backbone)
        quick = [one for one in native_engine_names() if not one.endswith(SLOW_TO_MAKE)]
        engines = {
            one: engine_named(one, program, lambda count: pictures[:count]) for one in dict.fromkeys([REFERENCE, chosen, *quick])
        }
        exact = next(engines[REFERENCE].run([pictures[: engines[REFERENCE].batch_rows]]))
        close = {one: engine for one, engine in engines.items() if _error(engine, pictures, exact) <= LARGEST_ERROR}
        best = dict.fromkeys(close, 0.0)
        for _ in range(TURNS):
            for one, engine in close.items():
                best[one] = max(best[one], _rate(engine, pictures))
    return chosen, best


def _error(engine: Engine, pictures: Bytes, exact: tuple[np.ndarray, ...]) -> float:
    num_rows = len(exact[0])
    found = list(engine.run(_batches(engine, pictures[:num_rows])))
    return feature_error(tuple(np.concatenate(part) for part in zip(*found, strict=True)), exact)


def _batches(engine: Engine, pictures: Bytes) -> list[Bytes]:
    return [pictures[start : start + engine.batch_rows] for start in range(0, len(pictures), engine.batch_rows)]


def _rate(engine: Engine, pictures: Bytes) -> float:
    begun = time.perf_counter()
    for _ in engine.run(_batches(engine, pictures)):
        pass
    return len(pictures) / (time.perf_counter() - begun)


def main() -> None:
    """Print a row a network and side."""
    options = arguments(__doc__ or "", seeds=1, networks=("efficientnet_lite0",), sides=(224,), images=600)
    images = image_set_of(jpegs(options.out / "pictures", options.images))
    rows: list[dict[str, object]] = []
    for seed in range(options.seeds):
        for name in options.networks:
            for side in options.sides:
                chosen, best = alone(rates, images, name, side)
                ratio = best.get(chosen, 0.0) / max(best.values())
                rows.append(
                    {"repetition": seed, "network": name, "side": side, "chosen": chosen, "chosen / fastest": ratio, **best}
                )
    show("engine chosen against the fastest, images/s", rows, [], ["chosen / fastest"])


if __name__ == "__main__":
    main()
