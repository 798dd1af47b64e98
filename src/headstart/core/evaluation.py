"""Evaluation: how good a model is on one set of images, every number with its 95 % interval."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

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


class SubsetRow(Record):
    """The images of one domain, or of one group: their number, and the accuracy on them."""

    name: str
    num_images: int
    accuracy: Estimate


class Confusion(Record):
    """counts[truth][predicted]."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class ReliabilityBin(Record):
    """Images of like confidence: their number, mean confidence and accuracy."""

    count: int
    confidence: float
    accuracy: float


class SelectivePoint(Record):
    """The most certain images: their share of all, the least probability among them, their number, and the accuracy on them."""

    coverage: float
    threshold: float
    num_images: int
    accuracy: Estimate


class SetSizes(Record):
    """Prediction sets that hold the true class of a share `level` of images.

    Attributes:
        level: That share.
        mean_size: Classes in a set, on average.
        single: Share of sets with one class.
        empty: Share of sets without any.
        full: Share of sets with every class.
    """

    level: float
    mean_size: float
    single: float
    empty: float
    full: float


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
        per_domain: One row a domain, where images of two domains or more were evaluated.
        domain_mean: Mean of the accuracies of these domains, which all count alike, with an interval for domains like them.
        per_group: One row for each given group of ten images or more, where there are two.
        selective: Accuracy on the most certain images, from few of them to all.
        prediction_sets: Sizes of prediction sets of several levels, where out-of-fold predictions calibrate them.
    """

    split: str
    num_images: int
    metrics: dict[str, Estimate]
    per_class: tuple[ClassRow, ...]
    confusion: Confusion
    reliability: tuple[ReliabilityBin, ...] = ()
    reliability_before: tuple[ReliabilityBin, ...] = ()
    protocol: str
    per_domain: tuple[SubsetRow, ...] = ()
    domain_mean: Estimate | None = None
    per_group: tuple[SubsetRow, ...] = ()
    selective: tuple[SelectivePoint, ...] = ()
    prediction_sets: tuple[SetSizes, ...] = ()

    @model_serializer(mode="wrap")
    def _without_absent_columns(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What not every evaluation has is left out where it is absent, such as what the columns `domain` and `group` tell."""
        optional = ("per_domain", "domain_mean", "per_group", "selective", "prediction_sets")
        absent = {name for name in optional if not getattr(self, name)}
        return {name: value for name, value in handler(self).items() if name not in absent}

    @property
    def worst_domain(self) -> SubsetRow | None:
        """The domain with the lowest accuracy; None where domains were not told apart."""
        return min(self.per_domain, key=lambda row: row.accuracy.value, default=None)

    @property
    def accuracy(self) -> Estimate:
        """Share of right predictions."""
        return self.metrics["accuracy"]
