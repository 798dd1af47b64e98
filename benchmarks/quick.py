"""The speed of this machine in one table, in ten minutes at most: `make bench-quick`.

Each part is another benchmark, cut short, in a process of its own, one after the other: this script runs it, reads the JSON
lines that it prints, and takes the median of the figures named below. Almost all are ratios of two measurements in one run, so
that they can be compared between machines; the others are seconds beside the aim. A part that fails or takes too long is a line
that says so, and the exit status is 1; parts for which no time is left are left out, and named.

Expected: "met" on every line, on a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from benchmarks.processor import machine_line
from benchmarks.protocol import arguments

MINUTES = 10.0
LEAST_SECONDS = 20.0
"""With less time left no part is begun."""


class Figure(NamedTuple):
    """One line of the table.

    Attributes:
        name: What it is.
        column: Of the part's rows; several rows give the median.
        bound: Whether the aim is a least or a greatest value.
        aim: From the issue that asked for it.
    """

    name: str
    column: str
    bound: Literal["at least", "at most"]
    aim: float


class Part(NamedTuple):
    """A benchmark, its options, what is read of it, and the seconds after which it is stopped."""

    module: str
    options: tuple[str, ...]
    figures: tuple[Figure, ...]
    seconds: float


PARTS = (
    Part(
        "extraction",
        ("--seeds", "1", "--images", "600", "--files", "jpeg", "--sides", "224"),
        (
            Figure("features of JPEG files: images/s / the usual loop's", "headstart / loop", "at least", 6.0),
            Figure("features of JPEG files: images/s / what reading and engine allow", "headstart / allowed", "at least", 0.85),
        ),
        200.0,
    ),
    Part(
        "engine_choice",
        ("--seeds", "2", "--networks", "efficientnet_lite0", "--sides", "224"),
        (
            Figure(
                "engine chosen: images/s / the fastest engine's, idle and beside a busy process",
                "chosen / fastest",
                "at least",
                0.9,
            ),
        ),
        120.0,
    ),
    Part(
        "embedded_run",
        ("--seeds", "1"),
        (
            Figure("run on the embedded set: seconds to the first model", "seconds to first model", "at most", 15.0),
            Figure("run on the embedded set: seconds", "seconds", "at most", 120.0),
            Figure("predict of one picture: processor seconds", "one picture, processor seconds", "at most", 1.5),
            Figure("predict of 1,000 pictures, warm: images/s / the engine's", "thousand pictures / engine", "at least", 0.85),
        ),
        240.0,
    ),
    Part(
        "adapting_time",
        ("--seeds", "1", "--pairs", "noto to twemoji"),
        (Figure("adaptation of one pair of domains, features included: seconds", "whole", "at most", 120.0),),
        150.0,
    ),
    Part(
        "cached_boundary",
        ("--seeds", "1", "--sets", "emoji", "--per-class", "10", "--epochs", "4"),
        (Figure("fine-tuning behind a cached boundary: seconds / full fine-tuning's", "ratio", "at most", 0.2),),
        150.0,
    ),
    Part(
        "ridge_folds",
        ("--seeds", "1", "--sizes", "1132 2956 22"),
        (Figure("ridge on five folds: processor seconds of plain fits / headstart's", "plain / headstart", "at least", 1.0),),
        90.0,
    ),
    Part(
        "prices",
        ("--seeds", "1", "--sets", "digits:20", "--fits", "ridge", "lp_ft behind a cut", "--epochs", "4"),
        (
            Figure("seconds promised for a fit / actual", "ratio", "at least", 0.75),
            Figure("seconds promised for a fit / actual", "ratio", "at most", 1.25),
        ),
        90.0,
    ),
)
"""In the order of the table."""


def rows_of(output: str) -> Iterator[dict[str, Any]]:
    """The rows of every table in what a benchmark printed; a line of JSON that is no table is one row."""
    for line in output.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            yield from found.get("rows", [found])


def value_of(figure: Figure, rows: list[dict[str, Any]]) -> float | None:
    """The median of the figure's column; None where no row has it."""
    values = [float(row[figure.column]) for row in rows if row.get(figure.column) is not None]
    return statistics.median(values) if values else None


def met(figure: Figure, value: float) -> bool:
    """Whether the value is on the right side of the aim."""
    return value >= figure.aim if figure.bound == "at least" else value <= figure.aim


def lines_of(part: Part, rows: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """The lines of a part that has run, and whether each met its aim."""
    lines = []
    for figure in part.figures:
        value = value_of(figure, rows)
        if value is None:
            lines.append((f"{figure.name}: {part.module} prints no {figure.column!r}", False))
            continue
        good = met(figure, value)
        lines.append((f"{figure.name}: {value:.3g} ({figure.bound} {figure.aim:g}: {'met' if good else 'MISSED'})", good))
    return lines


def measured(part: Part, out: Path, seconds: float) -> list[tuple[str, bool]]:
    """The lines of a part, which is run here and stopped after those seconds."""
    command = [sys.executable, "-m", f"benchmarks.{part.module}", *part.options, "--out", str(out)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "HEADSTART_CACHE": cache, "HEADSTART_QUIET": "1"}
        done = finished(command, environment, seconds)
    if done is None:
        return [(f"{part.module}: stopped after {seconds:.0f} seconds", False)]
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return [(f"{part.module}: failed ({reason})", False)]
    return lines_of(part, list(rows_of(done.stdout)))


def finished(command: list[str], environment: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str] | None:
    """What the command gave; None where it took longer: then it is killed, with all processes that it has begun."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException as reason:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            if isinstance(reason, subprocess.TimeoutExpired):
                return None
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def main() -> None:
    """Print the machine, then a line a figure as soon as it is there."""
    options = arguments(__doc__ or "", seeds=1, parts=tuple(part.module for part in PARTS))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what runs is killed as well, then
    end = time.monotonic() + 60 * (options.minutes or MINUTES)
    _say(machine_line())
    results = []
    for part in (part for part in PARTS if part.module in options.parts):
        left = end - time.monotonic()
        begun = time.monotonic()
        lines = measured(part, options.out, min(part.seconds, left)) if left > LEAST_SECONDS else [_left_out(part)]
        for line, good in lines:
            _say(line)
            results.append(good)
        _say(f"  python -m benchmarks.{part.module} {' '.join(part.options)}: {time.monotonic() - begun:.0f} seconds")
    _say(f"{sum(results)} of {len(results)} met")
    sys.exit(0 if all(results) else 1)


def _left_out(part: Part) -> tuple[str, bool]:
    return f"{part.module}: left out, no time is left; --minutes gives more", False


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
