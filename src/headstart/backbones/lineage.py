"""Lineage: how the weights of a pretraining run came about."""

from __future__ import annotations

from pathlib import Path

from headstart.core.records import Record

FILE = "lineage.json"


class Lineage(Record):
    """From what, on what and how weights were pretrained.

    Attributes:
        source: Name of the source domain.
        place: The path or built-in name it was read from.
        task_fingerprint: Of the pictures, labels and splits that were read.
        num_images: Pictures that were learned from.
        classes: The label map: class names in label order; empty where none were learned.
        method: The method's kind.
        epochs: Passes over the pictures.
        started_from: Name of the model whose weights it started from; empty for a random initialization.
        mean: Per-channel mean of the pictures, in [0, 1].
        std: Per-channel standard deviation of the pictures, in [0, 1].
        before: The lineage of what it started from, where that is known.
    """

    source: str
    place: str
    task_fingerprint: str
    num_images: int
    classes: tuple[str, ...]
    method: str
    epochs: int
    started_from: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    before: Lineage | None = None

    @property
    def history(self) -> tuple[Lineage, ...]:
        """This lineage and all that came before it, the latest first."""
        return (self, *(self.before.history if self.before else ()))

    def __str__(self) -> str:
        begun = f", from {self.started_from}" if self.started_from else ""
        return f"{self.source}, {self.num_images:,} pictures ({self.method}{begun})"


def lineage_of(run: Path) -> Lineage | None:
    """The lineage in a run's folder; None where the run is no pretraining."""
    path = run / FILE
    return Lineage.read(path) if path.exists() else None
