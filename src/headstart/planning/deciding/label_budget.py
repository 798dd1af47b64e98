"""Label budget: refits the chosen recipe to parts of the labels, and says what more labels or unlabeled images would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.core.errors import TrainingError
from headstart.core.predictions import Predictions, mean_of
from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import Integers
from headstart.data.folds import Fold
from headstart.data.nested_parts import nested_parts
from headstart.data.task import Task
from headstart.evaluation.selection_bias import selection_bias
from headstart.planning.costs import seconds_of_head
from headstart.planning.cross_validation import CrossValidated, fit_rows, rows_for
from headstart.planning.deciding.chosen import fingerprint_of_choice, rule_of_choice
from headstart.planning.deciding.closed_forms import best_so_far
from headstart.planning.deciding.learning_curve import FACTORS, OtherErrors, SubsetErrors, fit_curve
from headstart.planning.deciding.trials import Trials
from headstart.planning.deciding.unlabeled_gain import unlabeled_gain
from headstart.planning.label_budget import Forecast, LearningCurve, enough_labels
from headstart.planning.plan import is_gradient

FRACTIONS = (0.25, 0.5)
"""Shares of each fold's rows that the recipe is refitted to. With five or seven parts, from an eighth on, forecasts were as far
off on 106 draws of five sets."""
MOST_SECONDS = 1.5
"""Predicted seconds for all refits, which take two to four times as many with the reading of features. Parts are halved where it
is more: with an eighth and a quarter of the rows forecasts were as far off where labels are 200 or more. Chosen, not measured."""
WELL_MEASURED = 0.125
"""The smaller part, down to which all members are refitted rather than the weightiest alone."""
SMALLEST_PART = 1 / 64
"""Of a fold's rows, where they are so many that a half takes too long."""

TOO_FEW_GROUPS = "the labels that a fold is fitted to lie in too few groups to take a part of them"


class CurveStep(Record):
    """A learning curve, or why none could be measured."""

    curve: LearningCurve | None
    why_not: str = ""


@dataclass(frozen=True)
class _Recipe:
    """What is refitted: closed forms that predict together.

    Attributes:
        members: Each cross-validated.
        shares: Exponent of each.
        exact: Whether they are all that the chosen model has.
        fractions: Shares of the rows of each fold.
        num_folds: Folds that are refitted.
    """

    members: tuple[CrossValidated, ...]
    shares: tuple[float, ...]
    exact: bool
    fractions: tuple[float, ...]
    num_folds: int

    @property
    def name(self) -> str:
        """What a person calls it."""
        first, more = self.members[0].candidate.own_name, len(self.members) - 1
        return first if not more else f"{first} and {more} more"


def curve_of(trials: Trials, chosen: CrossValidated) -> LearningCurve | None:
    """What more labels, and unlabeled images, would buy for the chosen candidate.

    Closed forms are refitted to nested parts of each fold's rows, groups whole. Where the chosen candidate has other members, or
    too many for a few seconds, the curve is that of those that there is time for, scaled to its error. None where the labels are
    too few, or no closed form was fitted, and where it cannot be measured: `trials.notes` then says why.
    """
    task = trials.task
    recipe = _recipe_of(trials, chosen) if enough_labels(len(task.labeled), task.num_classes) else None
    if recipe is None or chosen.predictions is None:
        return None

    def make(_: Path) -> CurveStep:
        try:
            return CurveStep(curve=_curve(trials, chosen, recipe))
        except (TrainingError, np.linalg.LinAlgError) as error:
            return CurveStep(curve=None, why_not=str(error))

    inputs = {
        "task": task.fingerprint,
        "chosen": [chosen.candidate.essentials, list(chosen.shares)],
        "recipe": [[one.candidate.essentials for one in recipe.members], list(recipe.shares), list(recipe.fractions)],
        "folds": [recipe.num_folds, chosen.result.num_folds],
        "backbones": [trials.backbone(one.candidate).weights_hash for one in recipe.members],
        "choice": fingerprint_of_choice(trials.validated, chosen, trials.most_members),
        "form": 5,
    }
    found = trials.steps.run("curve", inputs, CurveStep, make)
    if found.why_not:
        trials.notes.append(f"What more labels would buy is not measured: {found.why_not.rstrip('.')}.")
    return found.curve


def _recipe_of(trials: Trials, chosen: CrossValidated) -> _Recipe | None:
    """What is refitted for a candidate, by what there is time for; None where no closed form was fitted."""
    if chosen.result.family == "chance":
        return None
    by_name = {one.candidate.own_name: one for one in trials.validated if not one.members and one.predictions is not None}
    shares = dict(zip([one.own_name for one in chosen.candidate.members], chosen.shares or (1.0,), strict=True))
    members = [by_name[name] for name in sorted(shares, key=lambda name: -shares[name]) if name in by_name]
    members = [one for one in members if not is_gradient(one.candidate.method)]
    if not members:
        best = best_so_far(trials)
        members, shares = ([best], {best.candidate.own_name: 1.0}) if best is not None else ([], {})
    if not members:
        return None
    num_folds = min(one.result.num_folds for one in members)
    fractions, members = FRACTIONS, list(members)
    while _seconds(trials, members, fractions, num_folds) > MOST_SECONDS and fractions[0] > SMALLEST_PART:
        if fractions[0] > WELL_MEASURED or len(members) == 1:
            fractions = (fractions[0] / 2, fractions[1] / 2)
        else:
            members.pop()
    names = tuple(one.candidate.own_name for one in members)
    exact = len(members) == len(chosen.candidate.members) and set(names) == {one.own_name for one in chosen.candidate.members}
    return _Recipe(tuple(members), tuple(shares[name] for name in names), exact, fractions, num_folds)


def _seconds(trials: Trials, members: Sequence[CrossValidated], fractions: Sequence[float], num_folds: int) -> float:
    """Predicted seconds for refitting them to parts of each fold."""
    num = len(trials.task.folds[0].fit)
    heads = [(one.candidate.method, trials.backbone(one.candidate)) for one in members]
    return num_folds * sum(
        seconds_of_head(method, round(part * num), backbone) for method, backbone in heads for part in fractions
    )


def _curve(trials: Trials, chosen: CrossValidated, recipe: _Recipe) -> LearningCurve:
    """The curve of a recipe; `TrainingError` or `LinAlgError` where it cannot be fitted to parts of the labels."""
    num_labels = len(trials.task.labeled)
    measured = _errors(trials, recipe)
    own = None if recipe.exact else chosen.predictions
    bias = _bias_of_choice(trials, chosen)
    fitted = fit_curve(measured, None if own is None else OtherErrors(own.correct == 0, own.groups), bias)
    forecasts = tuple(fitted.forecast(num_labels, factor) for factor in FACTORS)
    unlabeled, why = unlabeled_gain(trials)
    return LearningCurve(
        points=measured.points,
        recipe=recipe.name,
        exact=recipe.exact,
        num_labels=num_labels,
        now=fitted.error(num_labels),
        forecasts=forecasts,
        expected=fitted.drawn(min(float(measured.sizes[0]), num_labels), FACTORS[-1] * num_labels),
        sentence=sentence_of(forecasts, "" if recipe.exact else recipe.name),
        unlabeled=unlabeled,
        no_unlabeled=why,
        bias=bias,
    )


def _bias_of_choice(trials: Trials, chosen: CrossValidated) -> float:
    """What choosing by the same images added to the accuracy of the chosen candidate."""
    select, draws = rule_of_choice(trials.validated, chosen, trials.most_members)
    if select is None or chosen.predictions is None:
        return 0.0
    return selection_bias(chosen.predictions, select, draws).get("accuracy", 0.0)


def sentence_of(forecasts: Sequence[Forecast], other: str) -> str:
    """What to tell a person; `other` is what was refitted in place of the chosen model, empty where it was that."""
    twice, four = (next(one for one in forecasts if one.factor == factor) for factor in (2.0, 4.0))
    how = (
        "refitting the chosen model to parts of the labels" if not other else f"the curve of {other}, scaled to the chosen model"
    )
    return (
        f"Twice the labels ({twice.num_labels:,}) would buy {_points(twice)} of accuracy, four times the labels "
        f"({four.num_labels:,}) {_points(four)}, by {how}."
    )


def _points(forecast: Forecast) -> str:
    gain = forecast.gain
    return f"{100 * gain.value:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def _errors(trials: Trials, recipe: _Recipe) -> SubsetErrors:
    """The recipe's held-out errors with each part of the rows and with all of them, which are known.

    Where groups are few, parts can be equal; those that are no smaller than the next are left out.
    """
    task, folds = trials.task, trials.task.folds[: recipe.num_folds]
    whole = mean_of([_first_rows(one, folds) for one in recipe.members], recipe.shares)
    subsets = [_subsets(task, recipe, fold, place) for place, fold in enumerate(folds)]
    sizes = np.mean([[len(rows) for rows in own] for own in subsets], axis=0)
    smaller = np.flatnonzero(np.diff(sizes) > 0)
    if not len(smaller):
        raise TrainingError(TOO_FEW_GROUPS)
    wrong = [
        np.stack([_refitted(trials, recipe, own[part], fold).correct == 0 for part in smaller])
        for own, fold in zip(subsets, folds, strict=True)
    ]
    held_out = np.concatenate([fold.held_out for fold in folds])
    every = np.concatenate([np.concatenate(wrong, axis=1), (whole.correct == 0)[None]])
    numbers = np.repeat(np.arange(len(folds)), [len(fold.held_out) for fold in folds])
    return SubsetErrors(np.append(sizes[smaller], sizes[-1]), every, task.labeled.groups[held_out], numbers)


def _subsets(task: Task, recipe: _Recipe, fold: Fold, place: int) -> list[Integers]:
    """Nested parts of the rows that a fold fits to, as numbers of rows of `task.labeled`, the last all of them."""
    rows = rows_for(recipe.members[0].candidate, task, fold.fit)
    wanted = [max(1, round(part * len(rows))) for part in recipe.fractions]
    labels, groups = task.labeled.labels[rows], task.labeled.groups[rows]
    return [*(rows[part] for part in nested_parts(labels, groups, wanted, generator_for(task.seed, "curve", place))), rows]


def _first_rows(one: CrossValidated, folds: Sequence[Fold]) -> Predictions:
    """The predictions of the rows that the first folds hold out."""
    assert one.predictions is not None
    return one.predictions.take(np.arange(sum(len(fold.held_out) for fold in folds)))


def _refitted(trials: Trials, recipe: _Recipe, rows: Integers, fold: Fold) -> Predictions:
    """What the recipe predicts of a fold's held-out rows, fitted to some of its others."""
    held_out, made = trials.task.labeled.take(fold.held_out), []
    for one in recipe.members:
        candidate = one.candidate.model_copy(update={"max_rows": None})
        made.append(fit_rows(trials.task, rows, candidate, trials.backbone(one.candidate), None).predict(held_out))
    return mean_of(made, recipe.shares)
