"""Tracker: a place where runs are tracked, by accelerate's tracker of that name."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

from headstart.core.errors import MissingExtraError
from headstart.tracking.contents import Contents, Table
from headstart.tracking.curves import Point

Status: TypeAlias = Literal["finished", "failed", "interrupted"]


class Tracker(ABC):
    """One final class a file, found by the file's name.

    It is made, used and closed in one thread. Whatever its library raises ends the tracking, never the run.

    Attributes:
        package: What has to be installed; the extra of headstart has the tracker's name.

    Args:
        folder: A folder of its own, which other runs do not share.
    """

    package: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def check(cls) -> None:
        """Refuse to begin where the package is not installed: `MissingExtraError`."""
        if importlib.util.find_spec(cls.package) is None:
            raise MissingExtraError(f'{cls.package} is not installed. Install it with `pip install "headstart[{cls.package}]"`.')

    @abstractmethod
    def place(self) -> str:
        """Where runs are tracked: a folder, an address or a project."""

    @abstractmethod
    def open(self, name: str, identity: str) -> str:
        """Begin to track under a name, or go on with what has that identity where it is still there; its identity comes back."""

    @abstractmethod
    def curve(self, name: str, points: Sequence[Point]) -> None:
        """Write further points of a training curve."""

    @abstractmethod
    def write(self, contents: Contents) -> None:
        """Write what is known at the end."""

    @abstractmethod
    def close(self, status: Status) -> None:
        """End it."""


def started(tracker: Any) -> Any:
    """A tracker of accelerate, opened: later versions open it by a method of its own."""
    if hasattr(tracker, "start"):
        tracker.start()
    return tracker


def as_markdown(table: Table) -> str:
    """A table as Markdown."""
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
