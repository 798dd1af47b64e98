"""Shared by every benchmark: folders, measurements in a process of their own, summaries over seeds and pairs, printing."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from scipy import stats

from benchmarks.processor import machine_line

P = ParamSpec("P")
R = TypeVar("R")


def arguments(description: str, seeds: int, **more: Any) -> argparse.Namespace:
    """The options that all benchmarks take, and further ones by name and default; a tuple takes several, an empty one words."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=seeds, help="number of seeds or repetitions, from 0 on")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder for the runs")
    parser.add_argument("--minutes", type=float, default=None, help="budget of a run")
    for name, default in more.items():
        many = isinstance(default, tuple)
        kind = str if default == () else type(default[0] if many else default)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, nargs="+" if many else None, default=default)
    return parser.parse_args()


def alone(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a function gives in a new process: no thread pool, allocation or cache of earlier work is there."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


@contextmanager
def empty_cache() -> Iterator[Path]:
    """Let headstart work on a cache folder of its own, deleted afterwards."""
    before = os.environ.get("HEADSTART_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEADSTART_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("HEADSTART_CACHE")
            if before is not None:
                os.environ["HEADSTART_CACHE"] = before


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean over seeds with its 95 % t interval."""
    array = np.asarray(values, float)
    if len(array) < 2:
        return float(array.mean()), float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array))
    return float(array.mean()), float(array.mean() - half), float(array.mean() + half)


def show(title: str, rows: Sequence[Mapping[str, object]], columns: Sequence[str], ratios: Sequence[str] = ()) -> None:
    """The machine, a table of all rows, then mean and interval of the columns, median and spread of the ratios, on stdout."""
    names = list(rows[0])
    cells = [[_text(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[index]) for line in cells)) for index, name in enumerate(names)]
    machine = machine_line()
    lines = [title, f"on {machine}", "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    for column in columns:
        mean, low, high = mean_and_interval([float(str(row[column])) for row in rows])
        lines.append(f"mean {column}: {mean:.4f} [{low:.4f}, {high:.4f}] over {len(rows)} runs")
    for column in ratios:
        values = [float(str(row[column])) for row in rows]
        spread = f"({min(values):.3f} .. {max(values):.3f})"
        lines.append(f"median {column}: {statistics.median(values):.3f} {spread} over {len(rows)} pairs")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.write(json.dumps({"title": title, "machine": machine, "rows": [dict(row) for row in rows]}, default=str) + "\n")
    sys.stdout.flush()


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
