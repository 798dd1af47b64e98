"""Adaptation: the record of which models were fitted for a target, which of them predict, and why."""

from __future__ import annotations

import math
from typing import Any, Literal

from headstart.core.estimate import Estimate
from headstart.core.findings import Finding
from headstart.core.records import Record, renamed
from headstart.planning.adapting.shift_kind import ShiftKind
from headstart.planning.results import Verdict

UNADAPTED = "source_only"
"""The kind of the method that adapts nothing."""
LEVEL = 0.05
"""Level of the test on labeled target rows by which a verdict is "transfer": the usual one. Labels may choose a model at a weaker
one."""

CONFIDENCE_ERROR = 0.12
"""Standard deviation of what chance does not explain in the error of an adapted ensemble's estimated accuracy: 24 draws of twelve
pairs of domains, errors from -21 to 22 points (docs/adapting.md)."""
UNADAPTED_ERROR = 0.20
"""The same of the unadapted model on these draws, errors from -19 to 41 points."""
ERRORS_95 = 1.96
"""Standard errors on either side of an estimate that make a 95 % interval."""


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
        accuracy: Estimated accuracy on the target, made without target labels. The interval covers chance alone; that of
            `likely_accuracy` is the one to show.
        unadapted_accuracy: The same of the unadapted model.
        at_most_lost: Share of the target rows that got another class than from the unadapted model: the most accuracy that
            adapting can have cost.
        num_source: Labeled source rows.
        num_target: Target rows that were used.
        num_labeled: Labeled target rows that candidates were compared on; 0 where there were none.
        map: For drawing.
        classes: Names in label order.
        seconds: Time spent.
        stopped: "interrupted" or "over" where trying was ended by Ctrl-C or by the clock; empty elsewhere.
        unfinished: What there was no time for, and how to go on; empty where nothing was left out.
        minutes: The budget; None where none was given, and what is trained was not tried.
        accepted: Whether model selection, without labels, accepts every model that predicts.
        label_p_value: Where labeled target rows chose the adapted models, that the best one is no better than the unadapted
            model, by McNemar's test, times the number of candidates that it is the best of; None where labels did not choose.
        num_compared: Fitted candidates, the unadapted model among them, that labeled target rows compared; 0 where none did.
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
    accepted: bool = True
    label_p_value: float | None = None
    num_compared: int = 0

    @property
    def adapted(self) -> bool:
        """Whether other models than the unadapted one predict."""
        return self.chosen != (UNADAPTED,)

    @property
    def verdict(self) -> Verdict:
        """Whether adapted models are better than the unadapted one, as far as is known.

        "transfer": adapted models predict, and model selection accepts them, which labels, if there are some, do not overrule; or
        labels show that they are better, at `LEVEL` after a correction for the number of candidates. "not judged": nothing could
        be compared, or an error about the source was found. "no difference": all else.
        """
        if self.shown_by_labels:
            return "transfer"
        if self.why_not_judged:
            return "not judged"
        return "transfer" if self.adapted and self.accepted else "no difference"

    @property
    def shown_by_labels(self) -> bool:
        """Whether labeled target rows show at `LEVEL` that adapted models are better."""
        return self.label_p_value is not None and self.label_p_value <= LEVEL

    @property
    def why_not_judged(self) -> str:
        """Why adapted models and the unadapted one were not compared, as a sentence; empty where they were."""
        errors = [one.title for one in self.findings if one.severity == "error"]
        if errors:
            return errors[0]
        validated = any(score is not None for one in self.candidates[1:] for score in one.scores.values())
        if validated or self.num_compared > 1 or self.shift.kind == "none":
            return ""
        return self.shift.sentence if self.shift.kind == "few" else "No adapted model could be fitted."

    @property
    def sentence(self) -> str:
        """The sentence to quote: what predicts, and what speaks for it."""
        if self.verdict == "not judged":
            return f"Adapted models and the unadapted one were not compared. {self.why_not_judged}"
        if not self.adapted and self.shift.kind == "none":
            return "No difference between source and target was found: the unadapted model predicts."
        if not self.adapted:
            return "No adapted model is shown to be better: the unadapted model predicts."
        return f"{self._adapted_by}, {self._evidence}."

    @property
    def _adapted_by(self) -> str:
        if len(self.chosen) == 1:
            return f"A model adapted by {self.chosen[0]} predicts"
        return f"Models adapted by {', '.join(self.chosen[:-1])} and {self.chosen[-1]} predict together"

    @property
    def _evidence(self) -> str:
        images = f"{self.num_labeled} labeled target image{'' if self.num_labeled == 1 else 's'}"
        if self.shown_by_labels or not self.accepted:
            shown = "better" if self.shown_by_labels else "not shown to be better"
            p_value = 1.0 if self.label_p_value is None else self.label_p_value
            return f"{shown} than the unadapted one on {images} (p = {p_value:.2g}, corrected for the number of candidates)"
        accepted = "accepted by model selection"
        return f"{accepted} and not contradicted by {images}" if self.num_labeled else accepted

    @property
    def likely_accuracy(self) -> Estimate:
        """The estimated accuracy, with an interval that allows for confident mistakes as large as on other pairs of domains.

        Where source and target pass for one domain there is no reason for them, and the interval is that of chance.
        """
        if not self.adapted and self.shift.kind == "none":
            return self.accuracy
        return _widened(self.accuracy, CONFIDENCE_ERROR if self.adapted else UNADAPTED_ERROR)

    @property
    def estimate_sentence(self) -> str:
        """The estimated accuracy, with its interval and how it was estimated, and by how much adapting can have changed it.

        The unadapted model gets no estimate where adapted models predict: its own confidence is up to 41 points too high, and its
        agreement with them is its accuracy only where they are always right.
        """
        now = self.likely_accuracy
        sentence = (
            f"Estimated accuracy on the target {now.value:.1%} [{now.low:.1%}, {now.high:.1%}], from the confidence of "
            "predictions, without target labels."
        )
        if self.adapted:
            sentence += (
                f" The unadapted model agrees with the adapted one on {1.0 - self.at_most_lost:.1%} of the target: their "
                f"accuracies cannot differ by more than {100 * self.at_most_lost:.1f} points."
            )
        return sentence


def _widened(estimate: Estimate, error: float) -> Estimate:
    """The estimate with an interval for its own standard error, where it was not cut at 0 or 1, and an independent one."""
    own = max(estimate.value - estimate.low, estimate.high - estimate.value)
    half = math.hypot(own, ERRORS_95 * error)
    return Estimate(value=estimate.value, low=max(0.0, estimate.value - half), high=min(1.0, estimate.value + half))
