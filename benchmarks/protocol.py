"""What every benchmark shares: where it works, how it sums up seeds, how it prints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats


def arguments(description: str, seeds: int) -> argparse.Namespace:
    """The options that all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=seeds, help="number of seeds, from 0 on")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder for the runs")
    parser.add_argument("--minutes", type=float, default=None, help="budget of a run")
    return parser.parse_args()


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean over seeds with its 95 % t interval."""
    array = np.asarray(values, float)
    if len(array) < 2:
        return float(array.mean()), float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array))
    return float(array.mean()), float(array.mean() - half), float(array.mean() + half)


def show(title: str, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """A table of all rows, then mean and interval of the named columns, on stdout."""
    names = list(rows[0])
    cells = [[_text(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[index]) for line in cells)) for index, name in enumerate(names)]
    lines = [title, "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    for column in columns:
        mean, low, high = mean_and_interval([float(str(row[column])) for row in rows])
        lines.append(f"mean {column}: {mean:.4f} [{low:.4f}, {high:.4f}] over {len(rows)} runs")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.write(json.dumps({"title": title, "rows": [dict(row) for row in rows]}, default=str) + "\n")
    sys.stdout.flush()


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
