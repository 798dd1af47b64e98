"""The same command on an idle machine and beside two busy processes: is it the same plan, with the same labels?

Every run has an empty cache, so that nothing is read from an earlier one: what is calibrated, chosen and fitted is made anew
under load. "labels" are those of the rows that judge and of the unlabeled ones.

Expected: the plans are equal and so are all labels, ten times out of ten.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.protocol import arguments, empty_cache, show
from headstart.runs.run import Run

NUM_BUSY = 2
COUNT = "while True: pass"


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many processes that count without end, until the block is left."""
    processes = [subprocess.Popen([sys.executable, "-c", COUNT]) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def made(place: str, folder: Path, minutes: float | None, number_busy: int) -> tuple[Run, float]:
    """A run beside so many busy processes, and its seconds."""
    words = [place, "--out", str(folder), *(["--minutes", str(minutes)] if minutes else [])]
    with empty_cache(), busy(number_busy):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "headstart", "run", *words], check=True, capture_output=True, env={**os.environ})
        return Run.load(folder), time.perf_counter() - begun


def labels_of(run: Run) -> list[str]:
    """The label of every predicted row, with its name."""
    parts = [part for part in (run.predictions, run.unlabeled) if part is not None]
    return [f"{name} {label}" for part in parts for name, label in zip(part.names, part.predicted, strict=True)]


def main() -> None:
    """Print one row a run."""
    options = arguments(__doc__ or "", seeds=10, place="emoji")
    out = options.out / f"repeatable-{time.time_ns()}"
    calm, seconds = made(options.place, out / "calm", options.minutes, 0)
    plan, labels = calm.plan.to_toml(), labels_of(calm)
    rows: list[dict[str, object]] = [{"busy": 0, "seconds": seconds, "same plan": True, "labels that differ": 0}]
    for number in range(options.seeds):
        run, seconds = made(options.place, out / f"busy-{number}", options.minutes, NUM_BUSY)
        differ = sum(one != other for one, other in zip(labels, labels_of(run), strict=True))
        rows.append({"busy": NUM_BUSY, "seconds": seconds, "same plan": run.plan.to_toml() == plan, "labels that differ": differ})
    show("the same command beside busy processes", rows, [])
    same = sum(bool(row["same plan"] and not row["labels that differ"]) for row in rows[1:])
    sys.stdout.write(f"same plan and labels in {same} of {options.seeds}\n")


if __name__ == "__main__":
    main()
