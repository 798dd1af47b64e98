"""Bounds of extraction: reading pictures alone, the engine alone, and the arithmetic at the machine's rate of multiplication."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from headstart.backbones.backbone import Backbone
from headstart.backbones.engines.base import Engine
from headstart.backbones.engines.choice import engine_named
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.core.types import Bytes, Integers
from headstart.data.images import ImageSet
from headstart.data.prefetch import prefetched
from headstart.data.resizing import resized_to_square
from headstart.features.extract import PIXELS

MATRIX_SIDE = 2048
WARM_BATCHES = 4


def _engine(images: ImageSet, backbone: Backbone, name: str) -> Engine:
    def pictures(count: int) -> Bytes:
        return backbone.transform.decode(images.images, np.arange(min(count, len(images))))

    return engine_named(name, Describe(backbone), pictures)


def decode_only_rate(images: ImageSet, backbone: Backbone, engine: str) -> float:
    """Images a second of what extraction does besides running the network: reading and resizing, in that engine's batches."""
    num_rows = _engine(images, backbone, engine).batch_rows

    def read(rows: Integers) -> tuple[Bytes, Bytes]:
        inputs = backbone.transform.apply(images.images, rows)
        return inputs, resized_to_square(inputs, PIXELS)

    begun = time.perf_counter()
    parts = (np.arange(len(images))[start : start + num_rows] for start in range(0, len(images), num_rows))
    count = sum(len(pixels) for _, pixels in prefetched(read, parts))
    return count / (time.perf_counter() - begun)


def engine_only_rate(images: ImageSet, backbone: Backbone, engine: str) -> float:
    """Images a second of the engine on pictures that lie ready in memory; making it does not count."""
    made = _engine(images, backbone, engine)
    ready = backbone.transform.decode(images.images, np.arange(len(images)))
    batches = [ready[start : start + made.batch_rows] for start in range(0, len(ready), made.batch_rows)]
    list(made.run(batches[:WARM_BATCHES]))
    begun = time.perf_counter()
    for _ in made.run(batches):
        pass
    return len(images) / (time.perf_counter() - begun)


def operations_per_image(backbone: Backbone) -> float:
    """Floating-point operations of one forward pass on one image: two for every multiplication with addition."""
    side = backbone.transform.pixels
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone(torch.zeros(1, backbone.transform.channels, side, side))
    return float(counter.get_total_flops())


def matrix_rate(dtype: torch.dtype) -> float:
    """Operations a second of large square matrix products on all cores: the fastest of ten."""
    left, right = _matrix(dtype), _matrix(dtype)
    multiply = torch._int_mm if dtype == torch.int8 else torch.matmul  # int8 products have no public name
    seconds = []
    for _ in range(10):
        begun = time.perf_counter()
        multiply(left, right)
        seconds.append(time.perf_counter() - begun)
    return 2 * MATRIX_SIDE**3 / min(seconds)


def _matrix(dtype: torch.dtype) -> torch.Tensor:
    values = np.random.default_rng(0).integers(-100, 100, (MATRIX_SIDE, MATRIX_SIDE))
    return torch.from_numpy(values).to(dtype)


def arithmetic_rows(side: int, engine_rates: list[float]) -> list[dict[str, object]]:
    """For each number format: what the machine multiplies, what that allows, and the engine's part of it."""
    operations = operations_per_image(load_backbone("efficientnet_lite0", input_pixels=side))
    rows: list[dict[str, object]] = []
    for dtype in (torch.float32, torch.bfloat16, torch.int8):
        rate = matrix_rate(dtype)
        rows.append(
            {
                "format": str(dtype).removeprefix("torch."),
                "side": side,
                "GFLOP an image": operations / 1e9,
                "matrix GFLOP/s": rate / 1e9,
                "arithmetic limit images/s": rate / operations,
                "engine only images/s": statistics.median(engine_rates),
                "engine's part of it": statistics.median(engine_rates) * operations / rate,
            }
        )
    return rows
