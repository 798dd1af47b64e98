"""Adaptation: the record of which models were fitted for a target, which of them predict, and why."""

from __future__ import annotations

from typing import Any, Literal

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.records import Record, renamed
from headstart.shift.tests.label_or_feature_shift import ShiftKind

UNADAPTED = "source_only"
"""The kind of the method that adapts nothing."""


class ValidatorScores(Record):
    """What is known of one candidate without target labels.

    Attributes:
        name: The method's kind.
        method: Its settings.
        scores: By validator, higher is better; None where the validator does not apply.
        rejection: Why the candidate does not predict, as a part of a sentence; empty where it is not rejected.
        changed: Share of the target rows to which it gives another class than the unadapted model does.
        seconds: Time spent on it.
    """

    migrations = (renamed("values", "scores"), renamed("refused", "rejection"))

    name: str
    method: dict[str, Any]
    scores: dict[str, float | None]
    rejection: str
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
    """Two domains in the two directions in which they vary most.

    Attributes:
        source: Source rows.
        moved: The same rows with mean and covariance of the target.
        target: Target rows, with the class that the chosen models predict.
    """

    source: tuple[MapPoint, ...]
    moved: tuple[MapPoint, ...]
    target: tuple[MapPoint, ...]


class Adaptation(Record):
    """How the models that predict a target were chosen.

    Attributes:
        chosen: Methods whose models predict together; "source_only" alone where no adapted model was accepted.
        shift: What changed from source to target.
        candidates: Every candidate, the unadapted model first.
        reasons: What decided, in sentences.
        findings: What a person should know.
        accuracy: Estimated accuracy on the target, made without target labels. The interval covers chance alone.
        unadapted_accuracy: The same of the unadapted model.
        at_most_lost: Share of the target rows that got another class than from the unadapted model: the most accuracy that
            adapting can have cost.
        num_source: Labeled source rows.
        num_target: Target rows that were used.
        num_labeled: Labeled target rows that decided; 0 where validators decided.
        map: For drawing.
        classes: Names in label order.
        seconds: Time spent.
        stopped: "interrupted" or "over" where trying was ended by Ctrl-C or by the clock; empty elsewhere.
        unfinished: What there was no time for, and how to go on; empty where nothing was left out.
        minutes: The budget; None where none was given, and what is trained was not tried.
    """

    migrations = (renamed("votes", "candidates"),)

    chosen: tuple[str, ...]
    shift: ShiftKind
    candidates: tuple[ValidatorScores, ...]
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
    stopped: Literal["", "interrupted", "over"] = ""
    unfinished: str = ""
    minutes: float | None = None

    @property
    def adapted(self) -> bool:
        """Whether other models than the unadapted one predict."""
        return self.chosen != (UNADAPTED,)
