"""Machine speed: how much longer this machine takes than the one that costs were measured on; asked once and kept."""

from __future__ import annotations

import math
import time
from functools import cache

import torch
from torch.nn import functional

from headstart.backbones.engines.machine import machine_fingerprint
from headstart.core.cores import num_cores
from headstart.core.dropping import cached_record
from headstart.core.folders import cache_folder
from headstart.core.records import Record, write_atomically

REFERENCE_SECONDS = 12.3e-3
"""Processor seconds of the burst, with one thread, on the machine of the rates."""
REFERENCE_CORES = 2
NUM_BURSTS = 20
"""The least of so many counts: other processes lengthen most of them, not all."""
GPU_FACTOR = 0.05
"""Chosen, not measured: a graphics card takes the twentieth of the time of two cores, unless reading pictures is the limit."""


class MachineSpeed(Record):
    """Seconds here for one second there, rounded to a power of two so that two measurements agree."""

    factor: float


@cache
def slowness() -> float:
    """Seconds that this machine takes for what takes one on the machine that costs were measured on.

    It is measured the first time, and read from the cache from then on.
    """
    path = cache_folder() / "engines" / f"speed-{machine_fingerprint()}.json"
    if (known := cached_record(path, MachineSpeed)) is not None:
        return known.factor
    found = MachineSpeed(factor=_measured())
    write_atomically(path, found.to_json())
    return found.factor


def _measured() -> float:
    if torch.cuda.is_available():
        return GPU_FACTOR
    return rounded(_burst_seconds() / REFERENCE_SECONDS * REFERENCE_CORES / num_cores())


def rounded(factor: float) -> float:
    """The nearest power of two."""
    return float(2.0 ** round(math.log2(factor)))


def _burst_seconds() -> float:
    """Processor time of a convolution, forward and backward, by one thread: waiting for the processor does not count."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        images = torch.ones(8, 64, 32, 32).contiguous(memory_format=torch.channels_last)
        weight = torch.full((64, 64, 3, 3), 0.01, requires_grad=True)
        return min(_burst(images, weight) for _ in range(NUM_BURSTS))
    finally:
        torch.set_num_threads(threads)


def _burst(images: torch.Tensor, weight: torch.Tensor) -> float:
    begun = time.thread_time()
    functional.conv2d(images, weight, padding=1).sum().backward()  # type: ignore[no-untyped-call]
    return time.thread_time() - begun
