"""history.jsonl: one line every so many steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.core.curves import curve_grew, name_of_training
from headstart.core.durable import make_folder, sync, sync_folder
from headstart.core.errors import DamagedError
from headstart.core.parsing import json_from, json_line
from headstart.core.records import write_atomically

MAX_LINES = 200
"""Lines that a fit writes, about: enough for a curve."""


NUMBERS = ("step", "attempt", "lr", "seconds")
"""What each line has beside its losses."""


class History:
    """Writes the losses of a fit as JSON lines: step, attempt, lr, seconds and losses (means since the line before).

    Each line also has the name of what is trained, as `trained`, where it has one.

    Args:
        path: The file; None writes nothing.
        steps: Total number of steps of the schedule; at most about two hundred lines come of them.
        attempt: Which attempt the fit is at.
        step: Steps already done; lines beyond them, left by a killed run, are cut off.
        last_step: Steps after which training ends, before its schedule does; None for all.
    """

    def __init__(self, path: Path | None, steps: int, attempt: int, step: int, last_step: int | None = None) -> None:
        self.path = path
        self.last_step = last_step or steps
        self.every = max(1, steps // MAX_LINES)
        self.latest: dict[str, Any] = {}
        self.sums: dict[str, float] = {}
        self.count = 0
        if path and path.exists():
            lines = [line for line in read_history(path) if (line["attempt"], line["step"]) <= (attempt, step)]
            write_atomically(path, "".join(map(json_line, lines)))

    def add(self, step: int, attempt: int, lr: float, seconds: float, losses: dict[str, float]) -> None:
        """Take in a step, counted from 0."""
        if not self.path:
            return
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        name = name_of_training()
        self.latest = {"step": step + 1, "attempt": attempt, "lr": lr, "seconds": round(seconds, 3)}
        self.latest |= {"trained": name} if name else {}
        if (step + 1) % self.every == 0 or step + 1 == self.last_step:
            self.write()

    def write(self) -> None:
        """Write a line for the steps since the one before, where there are any."""
        if not self.path or not self.count:
            return
        line = {**self.latest, "losses": {name: total / self.count for name, total in self.sums.items()}}
        make_folder(self.path.parent)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json_line(line))
            if self.latest["step"] == self.last_step:  # else lines since the last checkpoint, which a killed run makes again
                stream.flush()
                sync(stream.fileno())
                sync_folder(self.path.parent)
        self.sums, self.count = {}, 0
        curve_grew(self.path)


def read_history(path: Path) -> list[dict[str, Any]]:
    """The lines that `History` wrote, up to the first one that a kill cut off or that is damaged."""
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json_from(text, str(path))
        except DamagedError:
            break
        if not _is_line(line):
            break
        lines.append(line)
    return lines


def _is_line(line: Any) -> bool:
    """Whether JSON values are those of a line."""
    if not isinstance(line, dict) or not isinstance(line.get("losses"), dict):
        return False
    return all(isinstance(value, int | float) for value in (*map(line.get, NUMBERS), *line["losses"].values()))
