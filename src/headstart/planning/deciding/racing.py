"""Racing: gradient candidates are fitted fold by fold, and one that is behind beyond noise goes no further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from headstart.core.predictions import Predictions, log_probs, mean_of
from headstart.data.folds import Fold
from headstart.data.task import Task
from headstart.heads.opinion_pool import fit_weights
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.ensemble import best_ensemble
from headstart.planning.deciding.selection import loss_of, side_of
from headstart.planning.deciding.verdict import ONE_SIDED_95, Side, advantage, paired_gain
from headstart.planning.fitting import ENOUGH_HELD_OUT
from headstart.planning.left_out import Price

HOPE = 0.5
"""Standard errors by which the mean of a candidate and the best has to be ahead of the best alone, so that the candidate goes
on although it is behind. As its weight is fitted to the same rows, the mean of a useless one is ahead by half of a standard
normal draw, or not at all: one in six goes on. After one fold LP-FT is behind by 3.8 and its mean ahead by 0.8 with 440 emoji,
where it gains 0.04 in log loss on test rows, and by 2.1 and 0.0 with 180 Noto emoji, where it gains nothing (`python -m
benchmarks.fine_tuning`)."""


def folds_to_race(task: Task) -> tuple[Fold, ...]:
    """The first folds, until enough rows were held out, each row once at most; all where each leaves a domain out."""
    if task.leave_domain_out:
        return task.folds
    wanted = min(ENOUGH_HELD_OUT, len(task.labeled))
    folds: list[Fold] = []
    for fold in task.folds:
        if folds and sum(len(one.held_out) for one in folds) >= wanted:
            break
        folds.append(fold)
    return tuple(folds)


class Whole(NamedTuple):
    """The training of a candidate before the budget shortened it.

    Attributes:
        price: Predicted seconds of a fold.
        budget: Predicted seconds of a budget that does not shorten it.
    """

    price: float
    budget: float


@dataclass
class Race:
    """A candidate that is fitted fold by fold.

    Attributes:
        candidate: What is fitted.
        folds: Those that it is fitted to unless it falls behind.
        price: Predicted seconds of a fold.
        whole: What it takes where its training is not shortened, as a larger budget would have it; None where it is not.
        validated: How it did so far; None before the first fold.
        reason: Why it goes no further; empty while it does.
        left_out: Whether that is for want of room or time.
        steps_left_seconds: Predicted seconds of the steps that are left of a fold that time ended.
    """

    candidate: Candidate
    folds: tuple[Fold, ...]
    price: float
    whole: Whole | None = None
    validated: CrossValidated | None = None
    reason: str = ""
    left_out: bool = False
    steps_left_seconds: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether it has a fold left and no reason to stop."""
        return not self.reason and self.num_fitted < len(self.folds)

    @property
    def left(self) -> Price:
        """Its folds that are left; all of them where a larger budget would train it longer."""
        if self.whole is None:
            return Price(self.price * (len(self.folds) - self.num_fitted) + self.steps_left_seconds)
        return Price(self.whole.price * len(self.folds), self.whole.budget, self.fitted_seconds)

    @property
    def fitted_seconds(self) -> float:
        """Predicted seconds of what was fitted."""
        return self.price * self.num_fitted - self.steps_left_seconds

    @property
    def num_fitted(self) -> int:
        """Folds done."""
        return self.validated.result.num_folds if self.validated else 0

    def take(self, validated: CrossValidated) -> None:
        """Note how the candidate did with a further fold; where that broke down, the folds before it stay as evidence."""
        if validated.predictions is None and self.validated is not None:
            self.reason = f"fold {self.num_fitted + 1} broke down: {validated.result.reason.rstrip('.')}"
        else:
            self.validated = validated

    def why_behind(self, others: Sequence[CrossValidated]) -> str:
        """Why the candidate goes no further after this fold: it is behind the best beyond noise, and so is a mean with the best.

        Empty where it may still win, alone or as a member of an ensemble, or has no fold left; its failure where a fit broke.
        """
        own = self.validated
        if own is None or own.predictions is None:
            return own.result.reason if own else ""
        best = _best_of(others)
        if best is None or self.num_fitted == len(self.folds):
            return ""
        behind = -advantage(side_of(own), side_of(best))
        first, second = _shared(own.predictions, side_of(best).predictions)
        if behind <= ONE_SIDED_95 or advantage(_mean(first, second), _mean(second)) > HOPE:
            return ""
        points = 100 * (second.correct.mean() - first.correct.mean())
        return f"behind {best.result.name} by {points:.1f} points, {behind:.1f} standard errors of log loss"

    def most_gained(self, others: Sequence[CrossValidated]) -> float:
        """By how much its log loss may be lower than that of the best: the upper end of a one-sided 95 % interval.

        Infinite before its first fold, and where nothing else was fitted.
        """
        best = _best_of(others)
        if self.validated is None or self.validated.predictions is None or best is None:
            return float("inf")
        gain, error = paired_gain(side_of(self.validated), side_of(best))
        return gain + ONE_SIDED_95 * error

    def concluded(self) -> CrossValidated:
        """The result, which says after how many folds it ended where that was early; what was never fitted is skipped."""
        if self.validated is None:
            result = self.candidate.result(status="skipped", reason=self.reason, predicted_seconds=self.left.seconds)
            return CrossValidated(self.candidate, result)
        early = self.reason and self.validated.predictions is not None
        reason = f"stopped after {self.num_fitted} of {len(self.folds)} folds: {self.reason}" if early else self.reason
        facts: dict[str, object] = {"reason": reason, "predicted_seconds": self.fitted_seconds}
        facts["seconds_left_out"] = self.left.seconds if self.left_out else 0.0
        return replace(self.validated, result=self.validated.result.model_copy(update=facts))


def next_in_turn(entries: Sequence[Race], others: Sequence[CrossValidated]) -> Race | None:
    """Which candidate the next fold goes to: the one that may gain most on the best; None where none goes on.

    Each has its first fold, in their order, before one has its second. Of equals the one with fewer folds comes first.
    """
    going = [entry for entry in entries if entry.goes_on]

    def turn(entry: Race) -> tuple[bool, float, int]:
        return entry.num_fitted > 0, -entry.most_gained(rivals_of(entry, entries, others)), entry.num_fitted

    return min(going, key=turn, default=None)


def affordable_folds(entries: Sequence[Race], budget_seconds: float) -> Iterator[tuple[Race, int]]:
    """The folds that the budget has room for, each with its number: first ones first, as they have their turns."""
    for index, place in sorted((index, place) for place, entry in enumerate(entries) for index in range(len(entry.folds))):
        budget_seconds -= entries[place].price
        if budget_seconds >= 0:
            yield entries[place], index


def fold_seconds_of_best(entries: Sequence[Race], others: Sequence[CrossValidated], most_members: int) -> float:
    """Predicted seconds of a fold of what stands alone so far, if it is trained to its end; 0 where that is nothing."""
    raced = {one.candidate.name: one for one in entries if one.validated and not one.candidate.training.stop_after}
    fitted = [*others, *(one.validated for one in entries if one.validated)]
    best = min((one for one in fitted if one.result.family != "chance"), key=loss_of, default=None)
    if best is None or best.result.name not in raced or best_ensemble(fitted, most_members) is not None:
        return 0.0
    return raced[best.result.name].price


def rivals_of(entry: Race, entries: Sequence[Race], others: Sequence[CrossValidated]) -> list[CrossValidated]:
    """Whatever else was fitted so far."""
    return [*others, *(one.validated for one in entries if one is not entry and one.validated is not None)]


def _best_of(fitted: Sequence[CrossValidated]) -> CrossValidated | None:
    """The one with the lowest log loss of those with the most rows; None where nothing was fitted."""
    known = [one for one in fitted if one.predictions is not None and one.result.family != "chance"]
    most = max((one.result.num_rows for one in known), default=0)
    return min((one for one in known if one.result.num_rows == most), key=loss_of, default=None)


def _shared(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Both on the rows that both predicted, in one order."""
    places = {name: place for place, name in enumerate(second.names)}
    rows = [row for row, name in enumerate(first.names) if name in places]
    own = first.take(np.array(rows, np.int64))
    return own, second.take(np.array([places[name] for name in own.names], np.int64))


def _mean(*members: Predictions) -> Side:
    """Their geometric mean with the exponents that suit the rows; that of one alone, as a fair rival, has its exponent too."""
    shares = fit_weights(np.stack([log_probs(member) for member in members]), members[0].labels)
    return Side("mean", mean_of(members, shares))
