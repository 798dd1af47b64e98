"""Trials: candidates fitted to the same folds, each with its cost known before it is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.progress import stage
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.task import HOLDOUT_ROWS, Task
from headstart.features.extract import features_of, num_missing
from headstart.features.feature_set import FeatureSet
from headstart.planning.candidate import Candidate
from headstart.planning.costs import MARGIN, seconds_of_features, seconds_of_fit, seconds_per_image
from headstart.planning.cross_validation import CrossValidated, cross_validate, cross_validate_chance
from headstart.planning.plan import Partner
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest
from headstart.training.settings import Training

Only = Literal["transfer", "scratch"]


class Shares(NamedTuple):
    """Shares of the budget for the features of the first model, of each further one, and of a baseline."""

    first: float
    other: float
    baseline: float


USUAL_SHARES = Shares(0.5, 0.15, 0.1)
"""Features of all rows are the best use of the time: on the embedded set 440 of 1,132 rows gave 65.6 % where all give 73.2 %."""
MANY_SHARES = Shares(0.15, 0.04, 0.02)
"""Used instead where rows are many, as training from scratch needs the time more. Chosen, not measured."""
ALONE_SHARES = Shares(0.6, 0.2, 0.1)
"""Used instead where only transfer is tried. Chosen, not measured."""
GRADIENT_SHARE = 0.6
"""Share of the remaining budget for one gradient candidate, its final fit included. Chosen, not measured."""
ENOUGH_HELD_OUT = 600
"""Held-out rows after which no more folds are fitted: the standard error of an accuracy is then 2 points at most."""
EPOCHS_DIVISOR = 2
"""The epochs of a recipe are cut to this fraction at most: half. On the embedded set LP-FT reaches 62 % in 3 epochs, 68 % in 6
and ridge 74 % (EfficientNet-Lite0 at 160 pixels, one fold): cut shorter it only takes time."""
ROWS_DIVISOR = 4
"""A gradient candidate whose share pays for less than a quarter of the rows is not tried. Chosen, not measured."""
LAST_SHARE = 0.9
"""Share of the remaining budget for the last thing to be done. Chosen, not measured."""
MIN_SECONDS = 10.0
"""With less left nothing is measured: making an engine and trying it, or a few real steps, take three to five seconds."""
MIN_SHARE = 0.2
"""Used instead of MIN_SECONDS when the budget is small; a fraction of the budget."""
ROWS_STEP = 1_000
"""The rows of a final fit are rounded down to a multiple of this. Chosen, not measured."""
MIN_SOLVING_SECONDS = 1e-3
"""Seconds that solving a closed form takes at least, whatever the clock says."""


@dataclass
class Trials:
    """Cross-validates candidates and keeps account of the budget.

    Attributes:
        task: What is to be learned.
        steps: Where finished work lies.
        budget_seconds: What the user gave.
        spent_before: Seconds that went into ranking.
        weights: A file of weights for the transfer candidates, or "pretrained".
        only: The one side that is tried; None tries both.
        validated: In the order tried.
        source_weights: What a row of each source weighs that was found to help; empty where none was.
        cluster_assumption: Whether the unlabeled rows may be learned from; None where that was not tested.
        test_seconds: Spent on this test and the flip test.
        notes: What these tests found, in sentences.
        backbones: Loaded ones, by name, weights and side.
    """

    task: Task
    steps: Steps
    budget_seconds: float
    spent_before: float = 0.0
    weights: str = "pretrained"
    only: Only | None = None
    validated: list[CrossValidated] = field(default_factory=list)
    source_weights: dict[str, float] = field(default_factory=dict)
    cluster_assumption: ClusterAssumptionTest | None = None
    test_seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    backbones: dict[tuple[str, str, int], Backbone] = field(default_factory=dict)

    @property
    def spent_seconds(self) -> float:
        """Spent on ranking, tests and candidates so far, as first measured."""
        return self.spent_before + self.test_seconds + sum(one.result.seconds for one in self.validated)

    @property
    def remaining_seconds(self) -> float:
        """What is left of the budget."""
        return self.budget_seconds - self.spent_seconds

    @property
    def min_seconds(self) -> float:
        """With less left, no cost is measured."""
        return min(MIN_SECONDS, MIN_SHARE * self.budget_seconds)

    @property
    def many(self) -> bool:
        """Whether rows are so many that the time for their features is short, not their number."""
        return len(self.task.labeled) >= HOLDOUT_ROWS

    @property
    def shares(self) -> Shares:
        """Shares of the budget for closed forms."""
        if self.only == "transfer":
            return ALONE_SHARES
        return MANY_SHARES if self.many else USUAL_SHARES

    @property
    def refits(self) -> bool:
        """Whether the final model is fitted anew on all rows; with one held-out fold of many rows it is not."""
        return len(self.task.folds) > 1 or self.task.validation is not None

    def backbone(self, candidate: Candidate) -> Backbone:
        """The candidate's backbone, loaded once."""
        key = (candidate.pretrained, candidate.weights, candidate.input_pixels)
        if key not in self.backbones:
            self.backbones[key] = load_backbone(*key, seed=self.task.seed)
        return self.backbones[key]

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

    def closed_form(self, candidate: Candidate, share: float, must: bool) -> CrossValidated:
        """Cross-validate a closed form; where its features cost more than that share of the budget, skip it.

        If it must be tried, it is fitted to fewer rows of one fold instead.
        """
        backbone = self.backbone(candidate)
        if not must and self.remaining_seconds <= self.min_seconds and num_missing(self.task.labeled, backbone):
            return self.skip(candidate, "too little time is left for its features; give --minutes more")
        cost = seconds_per_image(backbone, self.task, self.steps)
        folds = self.task.folds
        allowed = share * self.budget_seconds
        predicted = MARGIN * seconds_of_features(backbone, self.task, self.steps, candidate.method)
        left = min(allowed, max(self.remaining_seconds, 0.0))
        if predicted > left and not must:
            return self.skip(candidate, f"features of all rows would take {predicted:.0f} s of its {left:.0f} s", predicted)
        if predicted > allowed:
            # One fold only: all folds together need the features of every row, however few rows each is fitted to.
            folds = folds[:1]
            num_held_out, wanted = len(folds[0].held_out), len(folds[0].fit)
            rows = _halved_until(wanted, lambda num: MARGIN * cost * (num + num_held_out) <= allowed, 20 * self.task.num_classes)
            candidate = candidate.model_copy(update={"max_rows": rows})
            predicted = MARGIN * cost * (rows + num_held_out)
        with stage(candidate.name):
            return self._keep(cross_validate(self.task, candidate, backbone, folds, self.steps), predicted)

    def gradient(self, candidate: Candidate, share: float | None = None) -> CrossValidated:
        """Cross-validate a gradient candidate on as many folds, with as many epochs and rows, as its share pays for."""
        if self.remaining_seconds <= self.min_seconds:
            return self.skip(candidate, "too little time is left for it; give --minutes more")
        backbone = self.backbone(candidate)
        folds = self.task.folds
        first = self.task.restricted_to(folds[0].fit)
        cost = MARGIN * seconds_of_fit(candidate, first, backbone, self.steps)
        allowed = (share or GRADIENT_SHARE) * self.remaining_seconds
        fitted = self._affordable(candidate, cost, allowed, len(folds[0].fit))
        if fitted is None:
            reason = f"one fit would take about {cost:.0f} s, and {max(allowed, 0):.0f} s are left for it; give --minutes more"
            return self.skip(candidate, reason, cost)
        candidate, cost = fitted
        enough = -(-ENOUGH_HELD_OUT // len(folds[0].held_out))
        num_folds = max(1, min(len(folds), enough, int(allowed / cost) - (1 if self.refits else 0)))
        with stage(candidate.name):
            return self._keep(cross_validate(self.task, candidate, backbone, folds[:num_folds], self.steps), cost * num_folds)

    def ensemble(self, trained: CrossValidated, closed: CrossValidated) -> CrossValidated:
        """Cross-validate the ensemble of a trained candidate and a closed form, on the folds of the first; all fits exist."""
        own = closed.candidate
        partner = Partner(pretrained=own.pretrained, weights=own.weights, input_pixels=own.input_pixels, method=own.method)
        candidate = trained.candidate.model_copy(update={"family": "transfer", "partners": (partner,)})
        folds = self.task.folds[: trained.result.num_folds]
        validated = cross_validate(self.task, candidate, self.backbone(trained.candidate), folds, self.steps)
        return self._keep(replace(validated, result=validated.result.model_copy(update={"seconds": 0.0})))

    def untested(self, candidate: Candidate) -> CrossValidated:
        """Note a candidate where no row can be held out."""
        return self.skip(candidate, "no class has two labels, so that nothing can be held out to test it")

    def final_rows(self, validated: CrossValidated) -> int | None:
        """Rows for the final fit of a closed form that was fitted to fewer than all: as many more as the time left pays for."""
        rows = validated.candidate.max_rows
        if rows is None:
            return None
        cost = MARGIN * seconds_per_image(self.backbone(validated.candidate), self.task, self.steps)
        solving = max(validated.result.seconds, MIN_SOLVING_SECONDS) / rows
        paid_for = (max(0.0, self.remaining_seconds) * LAST_SHARE + cost * rows) / (cost + solving)
        wanted = max(rows, int(paid_for) // ROWS_STEP * ROWS_STEP)
        return None if wanted >= len(self.task.labeled) else wanted

    def _affordable(self, candidate: Candidate, cost: float, allowed: float, num_rows: int) -> tuple[Candidate, float] | None:
        """The candidate and the cost of a fit, with epochs, then rows, cut until two fits are paid for; None when none fits."""
        fits = 2 if self.refits else 1
        epochs = candidate.training.epochs
        fewest = -(-epochs // EPOCHS_DIVISOR)
        for wanted in sorted({epochs, max(fewest, 3 * epochs // 4), fewest}, reverse=True):
            if fits * cost * wanted / epochs <= allowed:
                training = candidate.training.model_copy(update={"epochs": wanted})
                return candidate.model_copy(update={"training": training}), cost * wanted / epochs
        per_row = cost * fewest / epochs / num_rows
        rows = _halved_until(num_rows, lambda num: fits * per_row * num <= allowed, num_rows // ROWS_DIVISOR)
        if fits * per_row * rows > allowed:
            return None
        training = candidate.training.model_copy(update={"epochs": fewest})
        return candidate.model_copy(update={"training": training, "max_rows": rows}), per_row * rows

    def features_for_curve(self, validated: CrossValidated, most: int) -> tuple[FeatureSet, ImageSet]:
        """Features of up to `most` labeled rows that are in the store, and these rows: all, or held-out ones."""
        folds = self.task.folds[: validated.result.num_folds]
        every = validated.candidate.max_rows is None and len(self.task.labeled) <= most
        rows = np.arange(len(self.task.labeled)) if every else np.sort(np.concatenate([fold.held_out for fold in folds])[:most])
        part = self.task.labeled.take(rows)
        return features_of(part, self.backbone(validated.candidate)), part

    def _keep(self, validated: CrossValidated, predicted: float = 0.0) -> CrossValidated:
        noted = replace(validated, result=validated.result.model_copy(update={"predicted_seconds": predicted}))
        self.validated.append(noted)
        return noted

    def skip(self, candidate: Candidate, reason: str, predicted: float = 0.0) -> CrossValidated:
        """Note that a candidate was not tried, and why."""
        result = candidate.result(status="skipped", reason=reason, predicted_seconds=predicted)
        self.validated.append(CrossValidated(candidate, result))
        return self.validated[-1]


def _halved_until(number: int, fits: Callable[[int], bool], fewest: int) -> int:
    fewest = min(fewest, number)
    while number > fewest and not fits(number):
        number //= 2
    return max(number, fewest)
