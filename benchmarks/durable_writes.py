"""What it costs to let files outlive a power failure: one write of each size, synced and not, and the writes of a whole run.

Both kinds of a write take turns in one folder. "synced" waits until the disk has the bytes before the file takes its place, and
its name after that. The run is `headstart run` on a few vectors, a command of many small files and little computing, with a cache
of its own each time: how often and how long it waits for the disk. Everything depends on the disk.

Expected: a small file takes some milliseconds more where other programs use the disk, and so does a chunk of 256 rows of features
of EfficientNet-Lite0 (650 kB), which is written for each picture that is predicted alone.

python -m benchmarks.durable_writes --seeds 5 --num 200
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

import headstart
from benchmarks.protocol import arguments
from headstart.core.records import write_atomically

SIZES = {"record": 1_000, "chunk": 650_000, "model": 20_000_000}


def seconds_of(path: Path, content: bytes, *, durable: bool) -> float:
    """Seconds of a write."""
    begun = time.perf_counter()
    write_atomically(path, content, durable=durable)
    return time.perf_counter() - begun


def shown(name: str, seconds: list[float]) -> str:
    """Their median and nine tenths of them, in milliseconds."""
    low, middle, high = 1e3 * np.quantile(seconds, [0.05, 0.5, 0.95])
    return f"{name:<22} {middle:8.2f} ms [{low:.2f}, {high:.2f}] ({len(seconds)})"


def print_writes(folder: Path, num: int) -> None:
    """Print what a write of each size takes."""
    for name, size in SIZES.items():
        content = os.urandom(size)
        times: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(2 * (num if size < 10**6 else max(3, num // 10))):
            times[bool(turn % 2)].append(seconds_of(folder / f"{name}{turn}", content, durable=bool(turn % 2)))
        for durable, seconds in times.items():
            print(shown(f"{name}, {'synced' if durable else 'not synced'}", seconds))


def run_in(folder: Path) -> tuple[float, int, float]:
    """Seconds of a run, how often it waited for the disk, and how long."""
    rng, waits, real = np.random.default_rng(3), list[float](), os.fsync
    labels = np.arange(300) % 3
    features = (rng.normal(size=(300, 20)) + labels[:, None]).astype(np.float32)

    def fsync(descriptor: int) -> None:
        begun = time.perf_counter()
        real(descriptor)
        waits.append(time.perf_counter() - begun)

    folder.mkdir()
    np.savez(folder / "vectors.npz", features=features, labels=labels.astype(str))
    with patch.object(os, "fsync", fsync), patch.dict(os.environ, {"HEADSTART_CACHE": str(folder / "cache")}):
        begun = time.perf_counter()
        headstart.run(folder / "vectors.npz", minutes=1, out=folder / "run", seed=0)
        return time.perf_counter() - begun, len(waits), sum(waits)


def print_runs(folder: Path, num: int) -> None:
    """Print what runs take, the first of which is left out."""
    run_in(folder / "first")
    for turn in range(num):
        seconds, calls, waited = run_in(folder / f"run{turn}")
        print(f"run: {seconds:.2f} s, {waited:.2f} s of them in {calls} waits for the disk")


def main() -> None:
    asked = arguments(__doc__.splitlines()[0], 5, num=200)
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.out) as place:
        print_writes(Path(place), asked.num)
        print_runs(Path(place), asked.seeds)


if __name__ == "__main__":
    main()
