"""What a run of outputs has found: every candidate's result, the decision, and the evaluation."""

from __future__ import annotations

from typing import Literal

from headstart.core.estimate import Estimate
from headstart.core.evaluation import Slices
from headstart.core.records import Record
from headstart.multioutput.candidate import OutputCandidate
from headstart.planning.results import Verdict


class OutputResult(Record):
    """One candidate, cross-validated on the shared folds.

    Attributes:
        name: What a person calls it.
        candidate: What it is.
        status: "fitted", "skipped" or "failed".
        reason: Why it was skipped, failed, or fitted to some folds alone; empty elsewhere.
        loss: Mean loss of held-out images; None unless fitted.
        primary: The kind's first metric on held-out images; None unless fitted.
        num_rows: Held-out images.
        num_folds: Folds that it was fitted to.
        predicted_seconds: Cost as foreseen.
        seconds: Cost as spent.
    """

    name: str
    candidate: OutputCandidate
    status: Literal["fitted", "skipped", "failed"] = "fitted"
    reason: str = ""
    loss: float | None = None
    primary: Estimate | None = None
    num_rows: int = 0
    num_folds: int = 0
    predicted_seconds: float = 0.0
    seconds: float = 0.0


class OutputComparison(Record):
    """Two candidates on the held-out images that both predicted.

    Attributes:
        better: Name of the first.
        worse: Name of the second.
        loss_gain: Mean loss of the second minus that of the first; its interval allows for the draw of the folds.
        primary_gain: The kind's first metric of the first minus that of the second.
        significant: Whether the interval of the loss gain lies above zero.
        num_rows: Shared images.
    """

    better: str
    worse: str
    loss_gain: Estimate
    primary_gain: Estimate
    significant: bool
    num_rows: int


class OutputDecision(Record):
    """What was decided, and what speaks for it.

    Attributes:
        kind: The kind of the outputs.
        verdict: As of a decision about classes.
        chosen: Name of the candidate that is fitted.
        sentence: The sentence to quote.
        reasons: Further sentences with numbers.
        results: In the order tried.
        comparisons: In the order made; the first is the best that transfers against the best that does not.
        budget_seconds: Predicted seconds that candidates could take.
        spent_seconds: Predicted seconds of those that were tried.
    """

    kind: str
    verdict: Verdict
    chosen: str
    sentence: str
    reasons: tuple[str, ...] = ()
    results: tuple[OutputResult, ...]
    comparisons: tuple[OutputComparison, ...] = ()
    budget_seconds: float
    spent_seconds: float


class OutputRow(Record):
    """One label's line.

    Attributes:
        name: The label.
        support: Images that have it.
        average_precision: With its interval; None where no image has it.
        f1: At the threshold, with its interval; None likewise.
        precision: Share of images said to have it that do; 0 where none is said to.
        recall: Share of images with it that are found.
        threshold: The probability from which on it is said to be there; the mean where folds have their own.
    """

    name: str
    support: int
    average_precision: Estimate | None
    f1: Estimate | None
    precision: float
    recall: float
    threshold: float


class OutputEvaluation(Record):
    """How good a model of outputs is.

    Attributes:
        kind: The kind of the outputs.
        split: "test", "out of fold", or the name of other data.
        num_images: Evaluated images.
        metrics: By name, each with its 95 % interval.
        without_images: The same metrics of what is best said without any image.
        gain_over_none: Fall of the mean loss against that, with its interval.
        per_output: One row a label; none for numbers.
        protocol: How the numbers were made, in one sentence.
        guarantee: What holds for prediction intervals, in one sentence; empty for labels.
        slices: How many images are right by their attributes, and where fewer are than chance explains; None where there are few.
        right: When an image counts as right in slices, in one sentence; empty without them.
    """

    kind: str
    split: str
    num_images: int
    metrics: dict[str, Estimate]
    without_images: dict[str, Estimate]
    gain_over_none: Estimate
    per_output: tuple[OutputRow, ...] = ()
    protocol: str
    guarantee: str = ""
    slices: Slices | None = None
    right: str = ""
