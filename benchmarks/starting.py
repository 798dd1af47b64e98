"""Processor seconds (user and system) of commands in new processes, and the rate of predictions in a warm one.

python -m benchmarks.starting --seeds 1

Expected on two cores AMD EPYC (Zen 4): `--help` 0.4 s; `predict` of one picture, first after a fit and later, at most 1.5 s;
after the cache was cleared once the time of loading the network, then 1.5 s again. A thousand pictures of 200 pixels in a warm
process: the ratio to the engine alone, and to reading and the engine one after the other, as both need the same cores.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.limits import decode_only_rate, engine_only_rate
from benchmarks.protocol import alone, arguments, empty_cache, show
from headstart.data.bicubic import resized_bicubic
from headstart.data.images import FileImages, ImageSet
from headstart.data.resizing import prepare_resizing, resized_to_square
from headstart.runs.run import Run

NUM_PICTURES = 1_000
PICTURE_PIXELS = 200
TARGET_SECONDS = 1.5


def processor_seconds(*words: str | Path) -> float:
    """What `headstart WORDS...` takes in a new process, its threads included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "headstart", *map(str, words)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pictures_in(folder: Path, seed: int) -> list[Path]:
    """Smooth noise as files, half of them PNG and half JPEG."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    paths = []
    for number in range(NUM_PICTURES + 8):
        noise = Image.fromarray(rng.integers(0, 256, (13, 13, 3), dtype=np.uint8))
        paths.append(folder / f"{number}.{('png', 'jpg')[number % 2]}")
        noise.resize((PICTURE_PIXELS, PICTURE_PIXELS), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def warm_rates(run: Path, paths: list[Path]) -> dict[str, float]:
    """Pictures a second of `Run.predict` in a process that has predicted as many before, of the engine alone, and of reading."""
    loaded = Run.load(run)
    loaded.predict(paths[NUM_PICTURES:])
    prepare_resizing(NUM_PICTURES)  # which the first prediction of that many imports
    begun = time.perf_counter()
    loaded.predict(paths[:NUM_PICTURES])
    rate = NUM_PICTURES / (time.perf_counter() - begun)
    backbone, rows = loaded.model.backbone.network, np.arange(NUM_PICTURES)
    images = ImageSet(FileImages(tuple(paths[:NUM_PICTURES])), (), np.full(NUM_PICTURES, -1), rows)
    engine = engine_only_rate(images, backbone, str(backbone.engine))
    reading = decode_only_rate(images, backbone, str(backbone.engine))
    return {"predicting": rate, "of_engine": rate / engine, "of_both": rate * (1 / engine + 1 / reading)}


def resizing_ms(pixels: int = 160) -> tuple[float, float]:
    """Milliseconds for one photograph of 300 pixels, by NumPy and by PyTorch."""
    picture = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), dtype=np.uint8)
    seconds = []
    for resize in (resized_bicubic, resized_to_square):  # PyTorch is imported
        resize(picture, pixels)
        begun = time.process_time()
        for _ in range(20):
            resize(picture, pixels)
        seconds.append((time.process_time() - begun) / 20)
    return 1e3 * seconds[0], 1e3 * seconds[1]


def measured(seed: int, folder: Path) -> dict[str, object]:
    """One row: a fit, then predictions by it."""
    run, paths = folder / "run", pictures_in(folder / "pictures", seed)
    with empty_cache() as cache:
        processor_seconds("fit", "emoji", "--method", "ridge", "--pretrained", "efficientnet_lite0", "--out", run)
        row: dict[str, object] = {"help": processor_seconds("--help")}
        row["first"] = processor_seconds("predict", run, paths[-1])
        row["later"] = min(processor_seconds("predict", run, path) for path in paths[-4:-1])
        shutil.rmtree(cache)
        row["cleared"] = processor_seconds("predict", run, paths[-1])
        row["then"] = processor_seconds("predict", run, paths[-5])
        row |= alone(warm_rates, run, paths)
    row["numpy_ms"], row["torch_ms"] = alone(resizing_ms)
    return row | {"met": float(str(row["first"])) < TARGET_SECONDS and float(str(row["later"])) < TARGET_SECONDS}


def main() -> None:
    """Measure each seed's run and print the table."""
    given = arguments(str(__doc__), seeds=1)
    rows = []
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append({"seed": seed, **measured(seed, Path(folder))})
    show("starting", rows, ("help", "first", "later", "cleared", "then"), ("of_engine", "of_both"))


if __name__ == "__main__":
    main()
