"""The ladder: candidates from cheap to costly on the same folds, each with its price known before it is paid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import card_of, load_backbone
from headstart.core.progress import stage
from headstart.core.steps import Steps
from headstart.core.types import Integers
from headstart.data.folds import Fold
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.planning.candidate import Candidate
from headstart.planning.costs import seconds_of_fit, seconds_per_image
from headstart.planning.inputs import input_pixels_for
from headstart.planning.judge import Judged, judge, judge_chance
from headstart.training.settings import Training

FIRST_SHARE = 0.25
OTHER_SHARE = 0.10
"""Of the budget, for the features of the best-ranked model and of each further one."""
GRADIENT_SHARE = 0.6
"""Of what is left when its turn comes, for judging one gradient candidate; its final fit is counted in."""
ENOUGH_HELD = 600
"""Held-out rows after which no more folds are judged: the standard error of an accuracy is then under 2 points."""
FEWEST_EPOCHS = 2
"""A recipe is cut to this part of its epochs at most. On the embedded set LP-FT reaches 62 % in 3 epochs, 68 % in 6 and ridge 74 %
(EfficientNet-Lite0 at 160 pixels, one fold): cut shorter it only takes time."""
FEWEST_PART = 4
"""A gradient candidate that can pay for less than this part of the rows is not tried."""
MARGIN = 1.2
"""Measured costs vary by about this factor on a busy machine."""


@dataclass
class Ladder:
    """Judges candidates and keeps account.

    Attributes:
        task: What is to be learned.
        steps: Where finished work lies.
        budget_seconds: What the user gave.
        spent_before: Seconds that went into ranking.
        weights: A file of weights for the transfer candidates, or "pretrained".
        judged: In the order tried.
    """

    task: Task
    steps: Steps
    budget_seconds: float
    spent_before: float = 0.0
    weights: str = "pretrained"
    judged: list[Judged] = field(default_factory=list)
    shelf: dict[tuple[str, str, int], Backbone] = field(default_factory=dict)

    @property
    def spent_seconds(self) -> float:
        """Ranking and everything judged so far, as first measured."""
        return self.spent_before + sum(one.rung.seconds for one in self.judged)

    @property
    def remaining_seconds(self) -> float:
        """What is left of the budget."""
        return self.budget_seconds - self.spent_seconds

    @property
    def refits(self) -> bool:
        """Whether the final model is fitted anew on all rows; with one held-out fold of many rows it is not."""
        return len(self.task.folds) > 1 or self.task.validation is not None

    def backbone(self, candidate: Candidate) -> Backbone:
        """The candidate's backbone, loaded once."""
        key = (candidate.pretrained, candidate.weights, candidate.input_pixels)
        if key not in self.shelf:
            self.shelf[key] = load_backbone(*key, seed=self.task.seed)
        return self.shelf[key]

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

    def chance(self) -> Judged:
        """Judge the class shares."""
        candidate = self.candidate("chance", "pixels", {"kind": "ridge"})
        return self._keep(judge_chance(self.task, candidate, self.task.folds))

    def closed_form(self, candidate: Candidate, share: float, must: bool) -> Judged:
        """Judge a closed form, on fewer rows or not at all where its features cost more than their share.

        Args:
            candidate: What to judge.
            share: Of the budget, for its features.
            must: Reduce the rows instead of skipping.

        Returns:
            What became of it.
        """
        backbone = self.backbone(candidate)
        price = seconds_per_image(backbone, self.task, self.steps)
        held = len(self.task.folds[0].held) if len(self.task.folds) == 1 else 0
        wanted = len(self.task.labeled) - held
        allowed = share * self.budget_seconds
        predicted = MARGIN * price * (wanted + held)
        if predicted > allowed and not must:
            return self._skip(candidate, predicted, f"features of all rows would take {predicted:.0f} s of its {allowed:.0f} s")
        if predicted > allowed:
            rows = _halved_until(wanted, lambda num: MARGIN * price * (num + held) <= allowed, 20 * self.task.num_classes)
            candidate = candidate.model_copy(update={"max_rows": rows})
        with stage(candidate.name):
            return self._keep(judge(self.task, candidate, backbone, self.task.folds, self.steps), predicted)

    def gradient(self, candidate: Candidate, share: float | None = None) -> Judged:
        """Judge a gradient candidate on as many folds, with as many epochs and rows, as its share pays for."""
        backbone = self.backbone(candidate)
        folds = self.task.folds
        first = self.task.restricted_to(folds[0].fit)
        price = MARGIN * seconds_of_fit(candidate, first, backbone, self.steps)
        allowed = (share or GRADIENT_SHARE) * self.remaining_seconds
        fitted = self._affordable(candidate, price, allowed, len(folds[0].fit))
        if fitted is None:
            reason = f"one fit would take about {price:.0f} s, and {max(allowed, 0):.0f} s are left for it; give --minutes more"
            return self._skip(candidate, price, reason)
        candidate, price = fitted
        enough = -(-ENOUGH_HELD // len(folds[0].held))
        num_folds = max(1, min(len(folds), enough, int(allowed / price) - (1 if self.refits else 0)))
        with stage(candidate.name):
            return self._keep(judge(self.task, candidate, backbone, folds[:num_folds], self.steps), price * num_folds)

    def _affordable(self, candidate: Candidate, price: float, allowed: float, num_rows: int) -> tuple[Candidate, float] | None:
        """The candidate with epochs, then rows, cut until its judging and final fit are paid for; None when nothing fits."""
        fits = 2 if self.refits else 1
        epochs = candidate.training.epochs
        fewest = -(-epochs // FEWEST_EPOCHS)
        for wanted in sorted({epochs, max(fewest, 3 * epochs // 4), fewest}, reverse=True):
            if fits * price * wanted / epochs <= allowed:
                training = candidate.training.model_copy(update={"epochs": wanted})
                return candidate.model_copy(update={"training": training}), price * wanted / epochs
        per_row = price * fewest / epochs / num_rows
        rows = _halved_until(num_rows, lambda num: fits * per_row * num <= allowed, num_rows // FEWEST_PART)
        if fits * per_row * rows > allowed:
            return None
        training = candidate.training.model_copy(update={"epochs": fewest})
        return candidate.model_copy(update={"training": training, "max_rows": rows}), per_row * rows

    def features_for_curve(self, judged: Judged, most: int) -> tuple[FeatureSet, ImageSet]:
        """Features of the judged rows, up to so many of them, and the rows."""
        rows = _spread(self.task.folds, len(self.task.labeled), most)
        part = self.task.labeled.take(rows)
        return features_of(part, self.backbone(judged.candidate)), part

    def _keep(self, judged: Judged, predicted: float = 0.0) -> Judged:
        rung = judged.rung.model_copy(update={"predicted_seconds": predicted})
        kept = Judged(judged.candidate, rung, judged.predictions, judged.temperature)
        self.judged.append(kept)
        return kept

    def _skip(self, candidate: Candidate, predicted: float, reason: str) -> Judged:
        rung = candidate.rung(status="skipped", reason=reason, predicted_seconds=predicted)
        self.judged.append(Judged(candidate, rung))
        return self.judged[-1]

    def skip(self, candidate: Candidate, reason: str) -> Judged:
        """Note that a candidate was not tried, and why."""
        return self._skip(candidate, 0.0, reason)


def _halved_until(number: int, fits: Any, fewest: int) -> int:
    while number > fewest and not fits(number):
        number //= 2
    return max(number, fewest)


def _spread(folds: tuple[Fold, ...], num_rows: int, most: int) -> Integers:
    """The held-out rows of the first folds, up to `most`: with one fold they are the only ones sure to have features."""
    held = np.concatenate([fold.held for fold in folds]) if len(folds) > 1 else folds[0].held
    return np.sort(held[:most]) if num_rows > most else np.arange(num_rows)
