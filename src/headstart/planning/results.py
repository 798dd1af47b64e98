"""Results: the first model, the result of every candidate, how they compare, and the decision."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from headstart.core.estimate import Estimate
from headstart.core.records import Migration, Record, renamed
from headstart.planning.label_budget import LearningCurve
from headstart.planning.plan import Recipe, Rejected
from headstart.planning.ranking.ranking_audit import RankingAudit
from headstart.training.settings import Training

Verdict = Literal["transfer", "scratch", "no difference", "not judged"]


def _baseline(values: dict[str, Any]) -> dict[str, Any]:
    """Format 1 called the family of baselines "canary"."""
    return values | {"family": "baseline"} if values.get("family") == "canary" else values


class CandidateResult(Recipe):
    """One candidate, cross-validated on the shared folds.

    Attributes:
        name: What a person calls it: "ridge on stages+pixels of efficientnet_lite0".
        family: "chance" and "baseline" carry no knowledge; "transfer" and "scratch" are what is decided between.
        status: "fitted", "skipped" (too costly, or no gain expected) or "failed".
        reason: Why it was skipped, failed, or fitted on some of its folds alone; empty where it was fitted on all of them.
        accuracy: Out-of-fold; None unless fitted.
        balanced_accuracy: Out-of-fold; None unless fitted.
        log_loss: Out-of-fold; None unless fitted.
        num_rows: Held-out rows that it predicted.
        num_folds: Folds that it was fitted on.
        predicted_seconds: Cost as foreseen.
        seconds: Cost as spent.
        seconds_left_out: Predicted seconds of the folds that there was no room or no time for, where it was fitted on others.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_baseline,)
    name: str
    family: Literal["chance", "baseline", "transfer", "scratch"]
    status: Literal["fitted", "skipped", "failed"] = "fitted"
    reason: str = ""
    accuracy: Estimate | None = None
    balanced_accuracy: Estimate | None = None
    log_loss: Estimate | None = None
    num_rows: int = 0
    num_folds: int = 0
    predicted_seconds: float = 0.0
    seconds: float = 0.0
    seconds_left_out: float = 0.0

    @model_serializer(mode="wrap")
    def _without_usual_training(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Closed forms read no settings of training, so that those of their results stand at their defaults."""
        return {name: value for name, value in handler(self).items() if name != "training" or self.training != Training()}


class FirstModel(Recipe):
    """The first model of a run, and how good it is; its files lie in a folder of their own until the final model is there.

    Attributes:
        name: What a person calls it.
        accuracy: Leave-one-out, rows of a group left out together; None where no class has two rows, or rows of a source stand
            in for target labels, which say nothing about the target.
        num_rows: Rows that it was fitted to.
        seconds: Seconds from the beginning of the command until it was there.
        spent_seconds: Seconds that it took itself.
    """

    name: str
    accuracy: Estimate | None
    num_rows: int
    seconds: float = 0.0
    spent_seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """What a person is told."""
        shown = self.accuracy
        how_good = f"{shown.value:.1%} [{shown.low:.1%}, {shown.high:.1%}] leave-one-out" if shown else "untested"
        return f"First model after {self.seconds:.0f} s: {self.name}, {how_good} on {self.num_rows:,} images."


class Comparison(Record):
    """Two candidates, compared on the rows that both predicted out of fold.

    Attributes:
        better: Name of the first candidate.
        worse: Name of the second.
        accuracy_gain: Accuracy of the first minus that of the second.
        log_loss_gain: Log loss of the second minus that of the first; positive speaks for the first.
        p_value: Exact McNemar, two-sided.
        significant: Whether the one-sided 95 % bound of the log-loss gain is above zero; for a verdict, a two-sided one that
            allows for the draw of the folds.
        num_rows: Shared rows.
    """

    better: str
    worse: str
    accuracy_gain: Estimate
    log_loss_gain: Estimate
    p_value: float
    significant: bool
    num_rows: int


class EnsembleGain(Record):
    """What an ensemble gains over the best of the models that were tried alone, and what that costs.

    Attributes:
        members: Names of what predicts together, in the order of the plan.
        shares: Exponent of each in the geometric mean.
        comparison: The ensemble against the model that would be taken alone.
        relative_cost: Operations to predict an image, as a multiple of those of the best model alone; None where that has none.
        megabytes: Of the weights of its networks.
        fold_models: How many models of folds each trained member consists of; 0 where none is trained.
    """

    members: tuple[str, ...]
    shares: tuple[float, ...]
    comparison: Comparison
    relative_cost: float | None
    megabytes: float
    fold_models: int = 0

    @property
    def sentence(self) -> str:
        """What a person is told."""
        gain = self.comparison.accuracy_gain
        loss = self.comparison.log_loss_gain.value
        points = f"{100 * gain.value:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
        cost = f"{self.relative_cost:.1f} times its operations an image and " if self.relative_cost else ""
        return (
            f"{len(self.members)} models predict together: {points} of accuracy against a single one "
            f"({self.comparison.worse}), and a log loss that is {abs(loss):.3f} {'lower' if loss >= 0 else 'higher'}, for "
            f"{cost}{self.megabytes:.0f} MB of weights. {self._trained}--members 1 asks for one."
        )

    @property
    def _trained(self) -> str:
        if not self.fold_models:
            return ""
        models = f"{self.fold_models} models, each trained" if self.fold_models > 1 else "one model, trained"
        return f"What is trained predicts by {models} without the images of one fold. "


class Decision(Record):
    """What was decided, and everything that speaks for and against it.

    Attributes:
        verdict: "transfer", "scratch", "no difference", or "not judged" where one of the two sides could not be tried.
        chosen: Name of the candidate to fit.
        gain: Accuracy of the best candidate that transfers minus that of the best one without transferred knowledge.
        sentence: The sentence to quote.
        results: In the order tried.
        comparisons: In the order made.
        curve: What more labels would buy; None where there are too few, or no closed form was fitted.
        reasons: Sentences with numbers.
        rejected: Everything else, each with its reason.
        budget_seconds: Predicted seconds that candidates could take.
        spent_seconds: Predicted seconds of those that were tried.
        ensemble: What several models together gain; None where one alone is fitted.
        stopped: "interrupted" or "over" where trying was ended by Ctrl-C or by the clock; empty elsewhere.
        unfinished: What was left out for its price or its time, and how to go on; empty where nothing was.
        audit: The ranking held against these results; None where fewer than two ranked networks were fitted alike.
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
    ensemble: EnsembleGain | None = None
    stopped: Literal["", "interrupted", "over"] = ""
    unfinished: str = ""
    audit: RankingAudit | None = None

    @property
    def compared(self) -> bool:
        """Whether it chose among candidates: two or more were measured."""
        return sum(result.accuracy is not None for result in self.results) > 1
