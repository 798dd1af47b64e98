"""Whole runs of two versions on folders of few labels, judged on pictures that neither has seen.

Each cell is a built-in set and a number of labels a class. For each seed its labeled pictures are written as class folders
without a test split, and up to 2,000 others as a second folder. `headstart run` and `headstart evaluate` of each version, a
source tree put on PYTHONPATH, work in processes of their own with a cache folder of their own; every picture gets the best guess.
A result that is there is not computed again, so that the table can be made while one version still works.

    python -m benchmarks.whole_runs --versions old=/path/of/old/src new=src --old-minutes 1.5

"gain" is the paired difference new - old in points of accuracy.

Expected: a mean gain of at least 2.5 points, no cell worse by more than half a point.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import arguments, mean_and_interval, show
from headstart.core.seeds import generator_for
from headstart.data.readers import reader_for

CELLS = ("digits:10", "digits:20", "fashion-mnist:20", "elpv:50", "emoji-noto:20", "emoji-twemoji:20", "mnist:10", "elpv:200")
MOST_TEST_PICTURES = 2_000


def folders_of(cell: str, seed: int, out: Path) -> tuple[Path, Path]:
    """The folder of labeled pictures and that of other pictures of a cell, written once."""
    place = out / "data" / f"{cell.replace(':', '-')}-{seed}"
    if not (place / "done").exists():
        name, per_class = cell.split(":")
        raw = reader_for(name).read(name)
        labels = np.array([str(label) for label in raw.labels])
        order = generator_for(seed, "whole runs", name).permutation(len(labels))
        order = order[[raw.splits[row] != "test" for row in order]]
        rows = np.concatenate([order[labels[order] == label][: int(per_class)] for label in np.unique(labels)])
        others = np.setdiff1d(order, rows, assume_unique=True)[:MOST_TEST_PICTURES]
        for part, chosen in (("train", rows), ("test", others)):
            for row in chosen.tolist():
                path = place / part / labels[row] / f"{row:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                raw.images.read(row).save(path)
        (place / "done").touch()
    return place / "train", place / "test"


def command(source: Path, cache: Path, *words: str | Path) -> dict[str, Any]:
    """The JSON answer of `headstart WORDS...` of that source tree in a new process."""
    environment = {**os.environ, "PYTHONPATH": str(source.resolve()), "HEADSTART_CACHE": str(cache.resolve())}
    program = "import sys; from headstart.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words), "--json"], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"headstart {' '.join(map(str, words))} ended with {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measured(version: str, source: Path, cell: str, seed: int, options: Any) -> dict[str, Any]:
    """Accuracy, seconds, verdict and choice of one run of a version, read back where they are known."""
    kept = options.out / version / f"{cell.replace(':', '-')}-{seed}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    train, test = folders_of(cell, seed, options.out)
    run, cache = kept.with_suffix(""), options.out / f"cache-{version}"
    minutes = options.old_minutes if version == "old" else options.minutes
    begun, before = time.perf_counter(), os.times()
    budget = ["--minutes", f"{minutes:g}"] if minutes else []
    result = command(source, cache, "run", train, "--seed", str(seed), "--out", run, *budget)
    seconds, after = time.perf_counter() - begun, os.times()
    evaluation = command(source, cache, "evaluate", run, test)
    row = {
        "accuracy": evaluation["metrics"]["accuracy"]["value"],
        "balanced": evaluation["metrics"]["balanced_accuracy"]["value"],
        "said": (result["evaluation"] or {}).get("metrics", {}).get("accuracy"),
        "seconds": seconds,
        "processor": after.children_user + after.children_system - before.children_user - before.children_system,
        "verdict": result["verdict"],
        "chosen": json.loads((run / "decision.json").read_text(encoding="utf-8"))["chosen"],
        "num_test": evaluation["num_images"],
    }
    kept.write_text(json.dumps(row), encoding="utf-8")
    sys.stderr.write(f"{version} {cell} seed {seed}: {row['accuracy']:.4f} in {seconds:.0f} s, {row['chosen']}\n")
    return row


def table(options: Any, versions: dict[str, Path]) -> list[dict[str, object]]:
    """A row for each cell and seed that both versions have finished."""
    rows: list[dict[str, object]] = []
    for cell in options.cells:
        for seed in range(options.seeds):
            files = [options.out / version / f"{cell.replace(':', '-')}-{seed}.json" for version in versions]
            if all(file.exists() for file in files):
                old, new = (json.loads(file.read_text(encoding="utf-8")) for file in files)
                rows.append(
                    {
                        "cell": cell,
                        "seed": seed,
                        "old": old["accuracy"],
                        "new": new["accuracy"],
                        "gain": 100 * (new["accuracy"] - old["accuracy"]),
                        "old seconds": round(old["seconds"]),
                        "new seconds": round(new["seconds"]),
                        "verdict": new["verdict"],
                        "chosen": new["chosen"],
                    }
                )
    return rows


def main() -> None:
    """Compute what is missing, then print a row for each cell and seed, the mean gain of each cell, and the means."""
    options = arguments(__doc__ or "", seeds=3, cells=CELLS, versions=("old=../old/src", "new=src"), old_minutes=0.0, only="")
    versions = {name: Path(source) for name, source in (each.split("=", 1) for each in options.versions)}
    for version, source in versions.items():
        for seed in range(options.seeds):
            for cell in options.cells:
                if options.only in ("", version):
                    (options.out / version).mkdir(parents=True, exist_ok=True)
                    measured(version, source, cell, seed, options)
    rows = table(options, versions)
    if not rows:
        return
    show("Whole runs, accuracy on unseen pictures", rows, ["old", "new", "gain", "new seconds"])
    for cell in options.cells:
        gains = [float(str(row["gain"])) for row in rows if row["cell"] == cell]
        if gains:
            mean, low, high = mean_and_interval(gains)
            sys.stdout.write(f"{cell}: gain {mean:+.2f} points [{low:+.2f}, {high:+.2f}] over {len(gains)} seeds\n")


if __name__ == "__main__":
    main()
