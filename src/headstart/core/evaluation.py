"""Evaluation: how good a model is on one set of images, every number with its 95 % interval."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.shown import Shown


class ClassRow(Record):
    """One class's line: precision, recall and F1 with the ends of their intervals, and its number of images."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    name: str = Field(alias="class")
    precision: float
    recall: float
    f1: float
    support: int
    precision_low: float
    precision_high: float
    recall_low: float
    recall_high: float
    f1_low: float
    f1_high: float


class Confusion(Record):
    """counts[truth][predicted]."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class ReliabilityBin(Record):
    """Images of like confidence: their number, mean confidence and accuracy."""

    count: int
    confidence: float
    accuracy: float


class Evaluation(Shown, Record):
    """Metrics of one model on one split.

    Attributes:
        split: "test", or what else was evaluated.
        num_images: Number of images; always shown next to the metrics.
        metrics: By name; those that are not defined, such as auroc of one class, are absent.
        per_class: One row a class.
        confusion: Truth by prediction.
        reliability: Bins after temperature.
        reliability_before: Bins before temperature.
        protocol: How the numbers and intervals were made, in one sentence.
    """

    split: str
    num_images: int
    metrics: dict[str, Estimate]
    per_class: tuple[ClassRow, ...]
    confusion: Confusion
    reliability: tuple[ReliabilityBin, ...] = ()
    reliability_before: tuple[ReliabilityBin, ...] = ()
    protocol: str

    @property
    def accuracy(self) -> Estimate:
        """Share of right predictions."""
        return self.metrics["accuracy"]
