"""`headstart run` on the embedded set with an empty cache, its promised and its actual seconds, and predictions with a warm and a
cold process.

"seconds" and "processor seconds" of commands include starting Python. "one picture" is the least of three new processes.
"thousand pictures" are 64-pixel files that nothing has seen before, predicted by ridge on one network in a process that has
predicted others; "engine" is the rate of that network alone, on the same pictures lying ready in memory, in the same process.

Expected: the first model within 15 seconds, the whole within two minutes, one picture in 1.5 processor seconds, a thousand
pictures at 0.85 of the engine's rate; promised within a quarter of actual seconds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.limits import engine_only_rate
from benchmarks.pictures import pngs
from benchmarks.protocol import alone, arguments, empty_cache, show
from headstart.backbones.engines.choice import REFERENCE
from headstart.data.images import FileImages, ImageSet
from headstart.runs.run import Run
from headstart.workflows.predict import predict

SET = "emoji"
NUM_EMBEDDED = 1_408
NUM_PICTURES = 1_000
NUM_WARM = 64
TIMED = "import atexit, sys, time; atexit.register(lambda: sys.stderr.write(f'\\n{time.process_time()}\\n')); \
from headstart.cli import main; main(sys.argv[1:])"


def command(*words: str | Path) -> tuple[float, float]:
    """Seconds and processor seconds of `headstart WORDS...` in a new process."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", TIMED, *map(str, words)], check=True, capture_output=True, text=True)
    return time.perf_counter() - begun, float(done.stderr.split()[-1])


def unseen(folder: Path) -> tuple[Path, ...]:
    """Picture files that are no copies of the embedded ones."""
    made = pngs(folder, NUM_EMBEDDED + NUM_PICTURES + NUM_WARM, seed=1)
    return tuple(sorted(path for path in made.glob("*/*.png") if int(path.stem) >= NUM_EMBEDDED))


def thousand(run: Path, paths: tuple[Path, ...]) -> tuple[float, float]:
    """Pictures a second of predicting files in a warm process, and of the network alone."""
    loaded = Run.load(run)
    model = loaded.model
    predict(loaded, paths[:NUM_WARM])
    new = paths[NUM_WARM:]
    begun = time.perf_counter()
    predict(loaded, new)
    rate = len(new) / (time.perf_counter() - begun)
    images = ImageSet(FileImages(new), (), np.zeros(len(new), np.int64), np.arange(len(new)))
    return rate, engine_only_rate(images, model.backbone, model.backbone.engine or REFERENCE)


def measured(out: Path, seed: int) -> dict[str, object]:
    """One run and what follows."""
    paths = unseen(out / "pictures")
    whole = out / f"embedded-run-{seed}-{time.time_ns()}"
    with empty_cache():
        seconds, _ = command("run", SET, "--seed", str(seed), "--out", whole)
        one = [command("predict", whole, paths[0])[1] for _ in range(3)]
        ridge = whole.with_name(f"{whole.name}-ridge")
        command("fit", SET, "--method", "ridge", "--seed", str(seed), "--out", ridge)
        rate, engine = alone(thousand, ridge, paths)
    run = Run.load(whole)
    fits = [one for one in run.decision.results if one.status == "fitted" and one.predicted_seconds] if run.decision else []
    promised, actual = sum(one.predicted_seconds for one in fits), sum(one.seconds for one in fits)
    return {
        "seed": seed,
        "seconds": seconds,
        "seconds to first model": run.result["seconds"].get("first_model"),
        "promised / actual": promised / actual if actual else None,
        "one picture, processor seconds": min(one),
        "thousand pictures": rate,
        "engine": engine,
        "thousand pictures / engine": rate / engine,
    }


def main() -> None:
    """Print a row a seed."""
    options = arguments(__doc__ or "", seeds=3)
    rows = [measured(options.out, seed) for seed in range(options.seeds)]
    show(f"headstart run {SET}, and predictions with its model", rows, ["seconds"], ["thousand pictures / engine"])


if __name__ == "__main__":
    main()
