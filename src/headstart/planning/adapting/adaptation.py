"""Adaptation: what was tried to carry a source over to a target, who was believed, and why."""

from __future__ import annotations

from typing import Any

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.records import Record
from headstart.shift.tests.shift_kind import ShiftKind

UNADAPTED = "source_only"
"""The kind of the method that adapts nothing."""


class ValidatorScores(Record):
    """What is known of one candidate without target labels.

    Attributes:
        name: The method's kind.
        method: Its settings.
        values: By validator, higher is better; None where it does not apply.
        refused: Why it cannot be trusted; empty where nothing speaks against it.
        changed: Share of the target rows to which it gives another class than the unadapted model does.
        seconds: Time spent on it.
    """

    name: str
    method: dict[str, Any]
    values: dict[str, float | None]
    refused: str
    changed: float
    seconds: float


class MapPoint(Record):
    """A row of a domain on the map.

    Attributes:
        x: Along the first axis.
        y: Along the second.
        label: Of a source row, or predicted of a target row.
    """

    x: float
    y: float
    label: int


class DomainMap(Record):
    """Two domains in the two directions in which they vary most, before and after.

    Attributes:
        source: Source rows where they are.
        moved: The same rows with mean and covariance of the target.
        target: Target rows, with the class that the chosen model predicts.
    """

    source: tuple[MapPoint, ...]
    moved: tuple[MapPoint, ...]
    target: tuple[MapPoint, ...]


class Adaptation(Record):
    """How one model came to be chosen for a target.

    Attributes:
        chosen: Methods whose models predict together; "source_only" alone where nothing adapted could be trusted.
        shift: What changed from source to target.
        votes: Every candidate, the unadapted one first.
        reasons: What decided, in sentences.
        findings: What a person should know.
        accuracy: Estimated accuracy on the target. No target label was read for it: the interval covers chance, not surprises.
        unadapted_accuracy: The same of the unadapted model.
        at_most_lost: Share of the target rows that got another class than from the unadapted model: no more can have been lost.
        num_source: Labeled source rows.
        num_target: Target rows that were looked at.
        num_labeled: Labeled target rows that decided; 0 where validators did.
        map: For drawing.
        classes: Names in label order.
        seconds: Time spent.
    """

    chosen: tuple[str, ...]
    shift: ShiftKind
    votes: tuple[ValidatorScores, ...]
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    accuracy: Estimate
    unadapted_accuracy: Estimate
    at_most_lost: float
    num_source: int
    num_target: int
    num_labeled: int
    map: DomainMap
    classes: tuple[str, ...]
    seconds: float

    @property
    def adapted(self) -> bool:
        """Whether another model than the unadapted one was chosen."""
        return self.chosen != (UNADAPTED,)
