"""Curves: the histories in a run's folder, by the names of what was trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from headstart.training.history import read_history

HISTORY = "history.jsonl"


class Point(NamedTuple):
    """A line of a history: its step and its numbers by name."""

    step: int
    values: dict[str, float]


def histories_in(folder: Path) -> list[Path]:
    """The histories of a run or search."""
    return sorted((folder / "steps").rglob(HISTORY))


def points_of(history: Path, steps: Path, first: int) -> tuple[dict[str, list[Point]], int]:
    """The points of a history from a line on, by curve, and how many lines there are.

    A curve is named by what was trained and, where that had several phases, by the phase; an attempt that was started again at a
    smaller step size is a curve of its own.

    Args:
        history: The file.
        steps: The folder of steps that it lies below.
        first: Lines that are left out.

    Returns:
        Points by curve, and the number of lines.
    """
    lines = read_history(history)
    step, *phases = history.parent.relative_to(steps).parts
    curves: dict[str, list[Point]] = {}
    for line in lines[first:]:
        attempt = [f"attempt {line['attempt'] + 1}"] if line["attempt"] else []
        name = "/".join([str(line.get("trained") or step), *phases, *attempt])
        curves.setdefault(name, []).append(Point(int(line["step"]), _numbers_of(line)))
    return curves, len(lines)


def _numbers_of(line: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in {**line["losses"], "lr": line["lr"]}.items() if math.isfinite(value)}
