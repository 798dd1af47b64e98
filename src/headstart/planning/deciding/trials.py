"""Trials: candidates fitted to the same folds, each with its cost known before it is spent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.estimate import Estimate
from headstart.core.executing import dropping_begun
from headstart.core.progress import note, stage, status
from headstart.core.steps import Steps
from headstart.core.stopping import Reason, StoppedError, keep_seconds, seconds_until_over, unstoppable
from headstart.core.watching import Standing, tell_standing
from headstart.data.task import Task
from headstart.features.extract import seconds_an_image
from headstart.methods import method_from
from headstart.planning.candidate import Candidate
from headstart.planning.costs import rows_read, seconds_of_fit, seconds_of_head
from headstart.planning.cross_validation import CrossValidated, begin_folds, cross_validate, cross_validate_chance, drop_folds
from headstart.planning.deciding.ended_early import ended_early
from headstart.planning.deciding.ensemble import MOST_MEMBERS
from headstart.planning.deciding.flip_test import FlipTest
from headstart.planning.deciding.racing import (
    Race,
    Whole,
    affordable_folds,
    fold_seconds_of_best,
    folds_to_race,
    next_in_turn,
    rivals_of,
)
from headstart.planning.fitting import refits
from headstart.planning.left_out import LeftOutCandidates, Price
from headstart.planning.limits import MemoryLimitError
from headstart.planning.plan import is_gradient
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest
from headstart.training.settings import Training

Only = Literal["transfer", "scratch"]

CLOSED_SHARE = 0.45
"""Share of the budget for closed forms where something is trained too. Chosen, not measured: features of the three packaged
networks for 1,408 pictures take 20 predicted seconds, a ninth of the usual budget, and 42 more at the networks' own sides."""
MOST_RESERVED = 0.75
"""Share of the budget that is kept for the network from scratch at most. Chosen, not measured."""
ROWS_STEP = 1_000
"""The rows of a final fit are rounded down to a multiple of this. Chosen, not measured."""
TEST = "test"
"""Stands for the rows of the test in the account."""
FEWEST_A_CLASS = 20
"""Rows a class that what has to be tried is fitted to, whatever it costs. Chosen, not measured."""


class Ending(NamedTuple):
    """Predicted seconds of what follows trying, for one closed form.

    Attributes:
        fit: To fit its head to all labeled rows.
        test: For features of the test.
    """

    fit: float
    test: float


@dataclass
class Trials:
    """Cross-validates candidates and keeps account of the budget, in predicted seconds: no clock decides what is tried.

    Attributes:
        task: What is to be learned.
        steps: Where finished work lies.
        budget_seconds: Predicted seconds that may be spent.
        weights: A file of weights for the transfer candidates, or "pretrained".
        only: The one side that is tried; None tries both.
        closed_share: Share of the budget for closed forms.
        most_members: Models that may predict together, at most.
        validated: In the order tried.
        source_weights: What a row of each source weighs that was found to help; empty where none was.
        cluster_assumption: Whether the unlabeled rows may be learned from; None where that was not tested.
        flip_test: Whether flipped pictures help; None where that was not tested.
        spent_seconds: Predicted seconds of what was tried.
        left_out: What was left out for its price or its time.
        best: The highest accuracy so far.
        best_name: What has it.
        fitted: Names of what was fitted.
        reserved_seconds: Of the budget, what closed forms leave for the network from scratch.
        usual: Whether the user gave no minutes, and no clock ends anything.
        wholes: By name, what candidates take whose training the budget shortened.
        notes: What tests found, in sentences.
        backbones: Loaded ones, by name, weights and side.
        paid: Networks and rows whose features are on the account already.
        endings: What the final fit and the test of each closed form take that was tried.
    """

    task: Task
    steps: Steps
    budget_seconds: float
    weights: str = "pretrained"
    only: Only | None = None
    closed_share: float = CLOSED_SHARE
    most_members: int = MOST_MEMBERS
    validated: list[CrossValidated] = field(default_factory=list)
    source_weights: dict[str, float] = field(default_factory=dict)
    cluster_assumption: ClusterAssumptionTest | None = None
    flip_test: FlipTest | None = None
    spent_seconds: float = 0.0
    left_out: LeftOutCandidates = field(default_factory=LeftOutCandidates)
    best: Estimate | None = None
    best_name: str = ""
    fitted: set[str] = field(default_factory=set)
    reserved_seconds: float = 0.0
    usual: bool = False
    wholes: dict[str, Whole] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    backbones: dict[tuple[str, str, int], Backbone] = field(default_factory=dict)
    paid: set[tuple[tuple[str, str, int], str]] = field(default_factory=set)
    endings: list[Ending] = field(default_factory=list)

    @property
    def remaining_seconds(self) -> float:
        """What is left of the budget."""
        return max(0.0, self.budget_seconds - self.spent_seconds)

    @property
    def room_for_closed_forms(self) -> float:
        """What is left of the part of the budget that closed forms may take."""
        most = min(self.closed_share * self.budget_seconds, self.budget_seconds - self.reserved_seconds)
        return max(0.0, most - self.spent_seconds)

    @property
    def _account(self) -> tuple[float, float]:
        """Predicted seconds that were spent, and those that may be."""
        return self.spent_seconds, self.budget_seconds

    @property
    def stopped(self) -> Reason | None:
        """Why trying ended before its end; None where it did not."""
        return self.left_out.stopped

    @property
    def many(self) -> bool:
        """Whether rows are so many that one fold is held out, and no final fit follows."""
        return not refits(self.task)

    def backbone(self, candidate: Candidate) -> Backbone:
        """The candidate's backbone, loaded once."""
        key = self._key(candidate)
        if key not in self.backbones:
            self.backbones[key] = load_backbone(*key, seed=self.task.seed)
        return self.backbones[key]

    def _key(self, candidate: Candidate) -> tuple[str, str, int]:
        return candidate.pretrained, candidate.weights, candidate.input_pixels

    def candidate(
        self, family: Any, pretrained: str, method: dict[str, Any], training: Training | None = None, pixels: int | None = None
    ) -> Candidate:
        """A candidate, on this task's input size where none is given; its weights follow from the family."""
        weights = self.weights if family == "transfer" else "none"
        pixels = pixels or input_pixels_for(card_of(pretrained), self.task)
        return Candidate(
            family=family,
            pretrained=pretrained,
            weights=weights,
            input_pixels=pixels,
            method=method,
            training=training or Training(seed=self.task.seed),
        )

    def chance(self) -> CrossValidated:
        """Cross-validate the class shares."""
        candidate = self.candidate("chance", "pixels", {"kind": "ridge"})
        return self._keep(cross_validate_chance(self.task, candidate, self.task.folds))

    def closed_form(self, candidate: Candidate, *, must: bool = False, room: float | None = None) -> CrossValidated:
        """Cross-validate a closed form on all rows; where the budget has no room for its features, it is skipped with its price.

        If it must be tried, it is fitted to as many rows of one fold as there is room for instead. The room is that of the closed
        forms' share where none is given.
        """
        backbone, folds = self.backbone(candidate), self.task.folds
        heads = sum(seconds_of_head(candidate.method, len(fold.fit), backbone) for fold in folds)
        ending = self._ending(candidate)
        price = self.price_of_features(candidate) + (0.0 if self.task.train.images.embedded else heads) + sum(ending)
        room = self.room_for_closed_forms if room is None else room
        if price > room and not must:
            needed = self.spent_seconds + price
            whole = Price(price, max(needed / self.closed_share, needed + self.reserved_seconds))
            return self.skip(candidate, self.left_out.add(candidate.name, whole, *self._account), price)
        if price > room:
            folds, num_held_out = folds[:1], len(folds[0].held_out)
            rows = int(room / price * len(self.task.labeled)) - num_held_out
            rows = min(max(rows, FEWEST_A_CLASS * self.task.num_classes), len(folds[0].fit))
            candidate = candidate.model_copy(update={"max_rows": rows})
            price *= (rows + num_held_out) / len(self.task.labeled)
        try:
            with self._shown(candidate.name):
                validated = cross_validate(self.task, candidate, backbone, folds, self.steps)
        except StoppedError as stopped:
            return self._cut(candidate, stopped.reason, price)
        except MemoryLimitError as error:
            return self.skip(candidate, str(error), price)
        self._pay(candidate, price)
        self.endings.append(ending)
        self._keep_time_for_ending()
        return self._keep(validated, price)

    def spend_the_rest(self) -> None:
        """Try the closed forms again that were left out for their price, as nothing else asks for the rest of the budget."""
        for one in [one for one in self.validated if self._was_too_costly(one)]:
            if one.result.predicted_seconds <= self.remaining_seconds:
                self.left_out.minutes.pop(one.result.name, None)
                self.validated = [other for other in self.validated if other is not one]
                self.closed_form(one.candidate, room=self.remaining_seconds)

    def _was_too_costly(self, one: CrossValidated) -> bool:
        skipped = one.result.status == "skipped" and one.result.name in self.left_out.minutes
        return skipped and not is_gradient(one.candidate.method)

    def reserve(self, candidate: Candidate) -> None:
        """Let closed forms leave as much of the budget as one fold of a candidate takes, where that is not most of it."""
        first = self.task.restricted_to(self.task.folds[0].fit)
        price = seconds_of_fit(candidate, first, self.backbone(candidate), self.steps)
        self.reserved_seconds = price if price <= MOST_RESERVED * self.budget_seconds else 0.0

    def race(self, candidates: list[Candidate]) -> None:
        """Cross-validate gradient candidates fold by fold, the most promising next; what is behind beyond noise goes no further.

        One whose next fold does not fit into the budget goes no further either, and says what it would take. Whose turn it is
        follows from predictions and predicted costs, so that it is the same on every run.
        """
        entries = list(self._entered(candidates))
        with dropping_begun():
            for one, index in affordable_folds(entries, self.remaining_seconds):
                begin_folds(self.task, one.candidate, self.backbone(one.candidate), (index,), self.steps, keep_models=True)
            while (entry := next_in_turn(entries, self.validated)) is not None:
                self._race_on(entry)
                self._keep_time_for_ending(entries)
                self._end_those_behind(entries)
        self.validated += [entry.concluded() for entry in entries]

    def _end_those_behind(self, entries: Sequence[Race]) -> None:
        """Let candidates go no further that are behind, and cancel what was begun of those that go no further."""
        for one in entries:
            if one.goes_on:
                one.reason = one.why_behind(rivals_of(one, entries, self.validated))
            if one.reason:
                drop_folds(self.task, one.candidate, self.backbone(one.candidate), self.steps)

    def _entered(self, candidates: list[Candidate]) -> Iterator[Race]:
        """The candidates with their prices and folds; those that the time does not suffice for are skipped."""
        folds = folds_to_race(self.task)
        for candidate in candidates:
            try:
                first = self.task.restricted_to(folds[0].fit)
                price = seconds_of_fit(candidate, first, self.backbone(candidate), self.steps)
                yield Race(candidate, folds, price, self.wholes.get(candidate.name))
            except StoppedError as stopped:
                self._cut(candidate, stopped.reason)
            except MemoryLimitError as error:
                self.skip(candidate, str(error))

    def _race_on(self, entry: Race) -> None:
        """Fit the next fold of a candidate, or say why there is no room or no time for it."""
        if entry.price > self.remaining_seconds:
            entry.reason, entry.left_out = self.left_out.add(entry.candidate.name, entry.left, *self._account), True
            return
        try:
            what = f"{entry.candidate.name}, fold {entry.num_fitted + 1} of {len(entry.folds)}"
            with self._shown(what):
                folds = entry.folds[: entry.num_fitted + 1]
                entry.take(
                    cross_validate(
                        self.task, entry.candidate, self.backbone(entry.candidate), folds, self.steps, keep_models=True
                    )
                )
        except StoppedError as stopped:
            self._judge_early(entry, stopped)
            done = f" after {stopped.steps_done:,} of {stopped.steps:,} steps of its training" if stopped.steps_done else ""
            entry.reason = self.left_out.cut(entry.candidate.name, stopped.reason, entry.left, *self._account, done)
            entry.left_out = True
            return
        self.spent_seconds += entry.price
        if entry.validated:
            self._note_best(entry.validated)

    def _judge_early(self, entry: Race, stopped: StoppedError) -> None:
        """Judge the first fold of a candidate as it was when time ended its training, where it was far enough by then."""
        backbone = self.backbone(entry.candidate)
        shorter = None if entry.num_fitted else ended_early(self.task, entry.candidate, backbone, self.steps, stopped)
        if shorter is not None:
            entry.candidate = shorter
            with unstoppable():
                entry.take(cross_validate(self.task, shorter, backbone, entry.folds[:1], self.steps, keep_models=True))
            share = stopped.steps_done / stopped.steps
            entry.steps_left_seconds = entry.price * (1 - share)
            self.spent_seconds += entry.price * share
            if entry.validated:
                self._note_best(entry.validated)

    def price_of_features(self, candidate: Candidate) -> float:
        """Predicted seconds for the features of all rows that a method reads, but for those that are on the account already."""
        key = self._key(candidate)
        rows = [one for one in rows_read(candidate.method, self.task) if (key, one.fingerprint) not in self.paid]
        return seconds_an_image(self.backbone(candidate)) * sum(len(one) for one in rows)

    def _ending(self, candidate: Candidate) -> Ending:
        """What the final fit and the test of a closed form take, the test's features once for all heads on them."""
        if self.task.train.images.embedded:
            return Ending(0.0, 0.0)
        test = 0 if self.task.test is None or (self._key(candidate), TEST) in self.paid else len(self.task.test)
        backbone = self.backbone(candidate)
        return Ending(seconds_of_head(candidate.method, len(self.task.labeled), backbone), seconds_an_image(backbone) * test)

    def _keep_time_for_ending(self, entries: Sequence[Race] = ()) -> None:
        """Let trying leave time for the final fit and the test: of as many closed forms as may be members, the costliest.

        Of what is trained the models of the folds are members, and one that time ended is not trained again; it is fitted to all
        rows where it would be chosen alone.
        """
        closed = sum(sum(sorted(seconds, reverse=True)[: self.most_members]) for seconds in zip(*self.endings, strict=True))
        timed = seconds_until_over() is not None and refits(self.task)
        alone = fold_seconds_of_best(entries, self.validated, self.most_members) if timed else 0.0
        keep_seconds(max(closed, alone * len(self.task.labeled) / len(self.task.folds[0].fit) if alone else 0.0))

    def _pay(self, candidate: Candidate, price: float) -> None:
        self.spent_seconds += price
        if candidate.max_rows is None:
            self.paid |= {(self._key(candidate), one.fingerprint) for one in rows_read(candidate.method, self.task)}
        self.paid.add((self._key(candidate), TEST))

    def _cut(self, candidate: Candidate, reason: Reason, price: float = 0.0) -> CrossValidated:
        """Note that trying had to end before a candidate."""
        return self.skip(candidate, self.left_out.cut(candidate.name, reason, Price(price), *self._account), price)

    @property
    def unfinished(self) -> str:
        """What was left out for its price or its time, and how to go on; empty where nothing was."""
        usual = f"The usual budget, {self.budget_seconds:.0f} s of predicted work,"
        return self.left_out.sentence(usual if self.usual else "The budget")

    def untested(self, candidate: Candidate) -> CrossValidated:
        """Note a candidate where no row can be held out."""
        return self.skip(candidate, "nothing can be held out to test it")

    def final_rows(self, validated: CrossValidated) -> int | None:
        """Rows for the final fit of a closed form that was fitted to fewer than all: as many more as the budget has room for."""
        rows = validated.candidate.max_rows
        if rows is None:
            return None
        each = seconds_an_image(self.backbone(validated.candidate)) * (1 + method_from(validated.candidate.method).num_views)
        more = self.remaining_seconds / max(each, 1e-9)
        wanted = max(rows, int(rows + more) // ROWS_STEP * ROWS_STEP)
        return None if wanted >= len(self.task.labeled) else wanted

    def _keep(self, validated: CrossValidated, predicted: float = 0.0) -> CrossValidated:
        noted = replace(validated, result=validated.result.model_copy(update={"predicted_seconds": predicted}))
        self.validated.append(noted)
        self._note_best(validated)
        return noted

    def _note_best(self, validated: CrossValidated) -> None:
        """Tell a person where this is the most accurate so far."""
        accuracy, name = validated.result.accuracy, validated.result.name
        if accuracy and validated.result.family != "chance":
            self.fitted.add(name)
            if self.best is None or accuracy.value > self.best.value:
                self.best, self.best_name = accuracy, name
                note(self._standing.sentence)
            tell_standing(self._standing)

    @property
    def _standing(self) -> Standing:
        return Standing(self.best_name, self.best, len(self.fitted), self._left_seconds)

    @contextmanager
    def _shown(self, what: str) -> Iterator[None]:
        """Inside, a person sees that this is tried, the best so far and the time left."""
        tell_standing(self._standing)
        with stage(what), status(self._standing.while_trying(what)):
            yield

    @property
    def _left_seconds(self) -> float:
        """Predicted seconds that may still be spent, or those until the time is over."""
        until = seconds_until_over()
        return self.remaining_seconds if until is None else min(self.remaining_seconds, until)

    def skip(self, candidate: Candidate, reason: str, predicted: float = 0.0) -> CrossValidated:
        """Note that a candidate was not tried, and why."""
        result = candidate.result(status="skipped", reason=reason, predicted_seconds=predicted)
        self.validated.append(CrossValidated(candidate, result))
        return self.validated[-1]
