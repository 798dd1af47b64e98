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


class AttributeRows(Record):
    """The accuracy on images that share a value of an attribute, such as the fifths of their brightness.

    Attributes:
        attribute: The attribute's name, such as "brightness".
        rows: One row a value; of an attribute that is a number one for each fifth of the images.
    """

    attribute: str
    rows: tuple[SubsetRow, ...]


class WorseSlice(Record):
    """Images that have something in common and are right less often than others, beyond chance.

    Attributes:
        name: What they have in common, as a phrase.
        attribute: The attribute that tells them apart.
        of_class: The class that the slice is a part of; empty where it is of images of all classes.
        num_images: How many there are.
        accuracy: The share of right predictions among them.
        elsewhere: That share among the other images, in the mix of classes of the slice; all other images for a whole class.
        p_value: Probability that the worst of all slices looked at is as bad by chance.
        sentence: The slice in one sentence.
        images: The names of some of its images that were predicted wrong, the most confident first.
    """

    name: str
    attribute: str
    of_class: str = ""
    num_images: int
    accuracy: Estimate
    elsewhere: float
    p_value: float
    sentence: str
    images: tuple[str, ...] = ()


class Slices(Record):
    """Where accuracy differs: by attributes of images, and the slices that are worse than others beyond chance.

    Attributes:
        num_images: Images that were sorted into slices: all that were evaluated, or so many of them, evenly spaced.
        num_slices: Slices that were tested.
        attributes: The accuracy by value, of each attribute that varies and is not told elsewhere in the evaluation.
        worse: Those that are worse, the least probable first; each is worse without the images of those before it.
    """

    num_images: int
    num_slices: int
    attributes: tuple[AttributeRows, ...] = ()
    worse: tuple[WorseSlice, ...] = ()


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
        worst_group: The one of them with the lowest accuracy.
        slices: Accuracy by attributes of the images; None where it was not looked at, as in evaluations of earlier versions.
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
    worst_group: SubsetRow | None = None
    slices: Slices | None = None

    @model_serializer(mode="wrap")
    def _without_absent_columns(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What not every evaluation has is left out where it is absent, such as what the columns `domain` and `group` tell."""
        optional = ("per_domain", "domain_mean", "per_group", "selective", "prediction_sets", "worst_group", "slices")
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
