"""Decision: every result that was tried, how they compare, and the verdict."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, renamed
from headstart.planning.plan import Partner, Rejected
from headstart.training.settings import Training

Verdict = Literal["transfer", "scratch", "no difference"]


def _baseline(values: dict[str, Any]) -> dict[str, Any]:
    """Format 1 called the family of baselines "canary"."""
    return values | {"family": "baseline"} if values.get("family") == "canary" else values


class CandidateResult(Record):
    """One candidate judged on the shared folds.

    Attributes:
        name: What a person calls it: "ridge on stages+pixels of efficientnet_lite0".
        family: "chance" and "baseline" carry no knowledge; "transfer" and "scratch" are what is decided between.
        pretrained: Name of the card.
        weights: "pretrained", "none" or a file.
        input_pixels: Side of the input square.
        method: `kind` and hyper-parameters.
        training: Budget and optimizer.
        max_rows: Labeled rows that it was fitted on at most; None for all.
        partners: Closed forms that predict together with it.
        status: "fitted", "skipped" (too costly, or no gain expected) or "failed".
        reason: Why it was skipped or failed; empty when fitted.
        accuracy: Out-of-fold; None unless fitted.
        balanced_accuracy: Out-of-fold; None unless fitted.
        log_loss: Out-of-fold; None unless fitted.
        num_rows: Held-out rows that it was judged on.
        num_folds: Folds that it was judged on.
        predicted_seconds: Cost as foreseen.
        seconds: Cost as spent.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_baseline,)
    name: str
    family: Literal["chance", "baseline", "transfer", "scratch"]
    pretrained: str
    weights: str
    input_pixels: int
    method: dict[str, Any]
    training: Training = Training()
    max_rows: int | None = None
    partners: tuple[Partner, ...] = ()
    status: Literal["fitted", "skipped", "failed"] = "fitted"
    reason: str = ""
    accuracy: Estimate | None = None
    balanced_accuracy: Estimate | None = None
    log_loss: Estimate | None = None
    num_rows: int = 0
    num_folds: int = 0
    predicted_seconds: float = 0.0
    seconds: float = 0.0


class Comparison(Record):
    """Two results on the rows that both were judged on.

    Attributes:
        better: Name of the first result.
        worse: Name of the second.
        accuracy_gain: Accuracy of the first minus that of the second.
        log_loss_gain: Log loss of the second minus that of the first; positive speaks for the first.
        p_value: Exact McNemar, two-sided.
        significant: Whether the one-sided 95 % bound of the log-loss gain is above zero.
        num_rows: Shared rows.
    """

    better: str
    worse: str
    accuracy_gain: Estimate
    log_loss_gain: Estimate
    p_value: float
    significant: bool
    num_rows: int


class CurvePoint(Record):
    """Error at a number of labeled rows: mean over draws, and the draws' standard deviation."""

    num_rows: int
    error: float
    spread: float


class LearningCurve(Record):
    """e(n) = asymptote + slope / sqrt(n), fitted to leave-one-out errors at a quarter, a half and all of the rows.

    Attributes:
        points: What was measured.
        asymptote: alpha.
        slope: eta.
        now: Error at the present number of rows.
        four_times: Error to expect with four times the rows.
        sentence: What to tell a person.
    """

    points: tuple[CurvePoint, ...]
    asymptote: float
    slope: float
    now: Estimate
    four_times: Estimate
    sentence: str


class Decision(Record):
    """What was decided, and everything that speaks for and against it.

    Attributes:
        verdict: "transfer", "scratch" or "no difference".
        chosen: Name of the result to fit.
        gain: Accuracy of the best transfer result minus that of the best result without knowledge.
        sentence: The sentence to quote.
        results: In the order tried.
        comparisons: In the order made.
        curve: None when there are too few rows.
        reasons: Sentences with numbers.
        rejected: Everything else, each with its reason.
        budget_seconds: What the user gave.
        spent_seconds: What the results took.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("rungs", "results"),)
    verdict: Verdict
    chosen: str
    gain: Estimate
    sentence: str
    results: tuple[CandidateResult, ...]
    comparisons: tuple[Comparison, ...]
    curve: LearningCurve | None
    reasons: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    budget_seconds: float
    spent_seconds: float
