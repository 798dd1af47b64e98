"""Ctrl-C once, at ten moments spread over a run: does each leave a model with a report?

The moments are shares of the seconds of an undisturbed run. Before the first model is there, Ctrl-C ends the command, which then
goes on when it is started again.

Expected: ten models, each with its report and its interval, soon after the signal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.protocol import arguments, show
from headstart.core.errors import HeadstartError
from headstart.runs.run import Run

INTERRUPTED = 130


def started(place: str, folder: Path, cache: Path) -> subprocess.Popen[str]:
    """The command, with a cache of its own."""
    command = [sys.executable, "-m", "headstart", "run", place, "--out", str(folder)]
    environment = {**os.environ, "HEADSTART_CACHE": str(cache)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupted(place: str, folder: Path, cache: Path, after: float) -> dict[str, object]:
    """What one signal after so many seconds left."""
    process = started(place, folder, cache)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    begun = time.perf_counter()
    process.communicate()
    row: dict[str, object] = {
        "signal after": after,
        "seconds until the end": time.perf_counter() - begun,
        "exit": process.returncode,
    }
    row["started again"] = process.returncode == INTERRUPTED and not (folder / "report.html").exists()
    if row["started again"]:
        _, errors = (again := started(place, folder, cache)).communicate()
        if again.returncode:
            raise SystemExit(errors)
    try:
        run = Run.load(folder)
    except HeadstartError as error:
        return row | {"model": str(error), "report": False, "accuracy": None, "verdict": None}
    accuracy = run.evaluation.metrics["accuracy"] if run.evaluation else None
    return row | {
        "model": "yes" if run.model.classes else "no",
        "report": (folder / "report.html").exists(),
        "accuracy": accuracy.value if accuracy else None,
        "verdict": run.decision.verdict if run.decision else None,
    }


def main() -> None:
    """Print one row a moment."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in the background, and children inherit that
    options = arguments(__doc__ or "", seeds=10, place="emoji-noto")
    out = options.out / f"interrupted-{time.time_ns()}"
    begun = time.perf_counter()
    _, errors = (calm := started(options.place, out / "calm", out / "cache-calm")).communicate()
    if calm.returncode:
        raise SystemExit(errors)
    whole = time.perf_counter() - begun
    rows = [
        interrupted(options.place, out / str(moment), out / f"cache-{moment}", whole * (moment + 0.5) / options.seeds)
        for moment in range(options.seeds)
    ]
    show(f"Ctrl-C at {options.seeds} moments of {whole:.0f} s", rows, [])


if __name__ == "__main__":
    main()
