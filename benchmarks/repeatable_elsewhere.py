"""The same fit or run with another number of threads, and on other engines: how many labels are the same?

Each row is one command in a process of its own with an empty cache, compared with the first row of its set, which has one thread
and exact features. "labels" are those of the rows that judge. Rows that were made before, in the folder `--out`, are read.

Expected: with the same threads and engine the same bytes; otherwise the same labels on at least 99.5 % of the rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.protocol import arguments, empty_cache, show
from headstart.evaluation.intervals import wilson
from headstart.runs.repetition import differing_files
from headstart.runs.run import Run

SETTINGS = (
    (1, "torch-float32"), (1, "torch-float32"), (2, "torch-float32"), (1, "openvino-float32"), (1, "torch-bf16"),
    (1, "openvino-bf16"),
)  # fmt: skip
"""Threads and engine; the first is what the others are compared with, and the second repeats it."""
KINDS = {
    "ridge": "fit {place} --method ridge --pretrained efficientnet_lite0 --test 0.3",
    "fine_tune": "fit {place} --method fine_tune --pretrained efficientnet_lite0 --test 0.3 --per-class 20 "
    "--set training.epochs=2",
    "run": "run {place} --pretrained efficientnet_lite0 --per-class 20",
}


def made(words: str, folder: Path, threads: int, engine: str) -> Run:
    """The run of a command with so many threads on an engine; one that was made before is read."""
    if not (folder / "report.html").exists():
        settings = {"OMP_NUM_THREADS": str(threads), "HEADSTART_ENGINE": engine}
        with empty_cache():
            command = [sys.executable, "-m", "headstart", *words.split(), "--out", str(folder)]
            subprocess.run(command, check=True, capture_output=True, env=os.environ | settings)
    return Run.load(folder)


def row_of(place: str, kind: str, number: int, out: Path) -> dict[str, object]:
    """How a command with those settings compares with the first one."""
    words = KINDS[kind].format(place=place)
    first, other = (made(words, out / f"{place}-{kind}-{index}" / "run", *SETTINGS[index]) for index in (0, number))
    threads, engine = SETTINGS[number]
    assert first.predictions is not None
    assert other.predictions is not None
    before = dict(zip(first.predictions.names, first.predictions.predicted, strict=True))
    same = [before[name] == label for name, label in zip(other.predictions.names, other.predictions.predicted, strict=True)]
    low = wilson(int(np.sum(same)), len(same))
    method = (first.plan.method, first.plan.pretrained) == (other.plan.method, other.plan.pretrained)
    bytes_differ = [name for name in differing_files(first.folder, other.folder, ("steps",)) if name != "images.sha256"]
    return {
        "set": place, "command": kind, "threads": threads, "engine": engine, "rows": len(same),
        "same labels": float(np.mean(same)),
        "low": low.low, "high": low.high, "same method and network": method, "files that differ": len(bytes_differ),
    }  # fmt: skip


def main() -> None:
    """Print one row a setting."""
    options = arguments(__doc__ or "", seeds=1, places=("digits", "emoji"), kinds=tuple(KINDS))
    out = options.out / "repeatable-elsewhere"
    rows = []
    for kind in options.kinds:
        for place in options.places:
            for number in range(1, len(SETTINGS)):
                rows.append(row_of(place, kind, number, out))
                sys.stdout.write(json.dumps(rows[-1]) + "\n")
                sys.stdout.flush()
    show("the same command with other threads and engines", rows, [])
    least = min(rows, key=lambda row: float(str(row["same labels"])))
    sys.stdout.write(f"least: {least}\n")


if __name__ == "__main__":
    main()
