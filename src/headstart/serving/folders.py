"""Folders: where what is served lies, and who changes it when a request asks for that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from headstart.core.language import Language
from headstart.gallery import Gallery
from headstart.serving.corrections import Corrections
from headstart.serving.enrolling import enroll, forget
from headstart.serving.metrics import Metrics
from headstart.serving.pictures import Upload

BESIDE = "-corrections"
"""Behind the name of a run's folder, the folder of its corrections."""


class ShownRuns(ABC):
    """The runs of a folder, as a page shows and compares them."""

    @abstractmethod
    def all_runs(self, language: Language) -> dict[str, Any]:
        """All runs, with sentences in a language."""

    @abstractmethod
    def compared(self, first: str, second: str) -> dict[str, Any]:
        """The first of two runs against the second; `RefusedError` where they cannot be compared."""

    @abstractmethod
    def close(self) -> None:
        """End what works for them."""


class Folders(ABC):
    """What the processes that answer have in common: the folders, which one process alone changes, and the counts of all.

    Its methods may wait for another process, and are called by threads.

    Args:
        shown: The runs that are shown; None shows none.
    """

    def __init__(self, shown: ShownRuns | None) -> None:
        self.shown = shown

    @abstractmethod
    def renew(self, gallery: Gallery) -> None:
        """Have the classes of a gallery that there are now, before they are read."""

    @abstractmethod
    def keep(self, run: str, uploads: Sequence[Upload], label: str) -> tuple[int, str]:
        """Keep corrections of a run; returns how many its folder then holds, and the name of that folder."""

    @abstractmethod
    def enroll(self, gallery: Gallery, name: str, images: Sequence[Image.Image]) -> dict[str, Any]:
        """Add a class to a gallery; `RefusedError` where it cannot be."""

    @abstractmethod
    def forget(self, gallery: Gallery, name: str) -> dict[str, Any]:
        """Remove a class of a gallery; `RefusedError` where it cannot be."""

    @abstractmethod
    def metrics_text(self, own: Metrics) -> bytes:
        """The metrics of all processes that answer, in Prometheus's text format; this one has its own."""


class OwnFolders(Folders):
    """The folders of a single process, which reads and changes them itself.

    Args:
        corrections: By the name of a run.
        shown: The runs that are shown; None shows none.
    """

    def __init__(self, corrections: Mapping[str, Corrections], shown: ShownRuns | None = None) -> None:
        super().__init__(shown)
        self._corrections = corrections

    def renew(self, gallery: Gallery) -> None: ...

    def keep(self, run: str, uploads: Sequence[Upload], label: str) -> tuple[int, str]:
        corrections = self._corrections[run]
        return corrections.keep(list(uploads), label), corrections.folder.name

    def enroll(self, gallery: Gallery, name: str, images: Sequence[Image.Image]) -> dict[str, Any]:
        return enroll(gallery, name, images)

    def forget(self, gallery: Gallery, name: str) -> dict[str, Any]:
        return forget(gallery, name)

    def metrics_text(self, own: Metrics) -> bytes:
        return own.text()


def corrections_folder(run: Path, below: Path | None) -> Path:
    """Where the corrections of a run lie: beside it, or below the folder that was chosen."""
    name = run.resolve().name
    return run.with_name(f"{name}{BESIDE}") if below is None else below / name
