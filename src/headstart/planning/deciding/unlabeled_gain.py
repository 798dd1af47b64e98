"""Unlabeled gain: what images without labels bring, by those that there are or by hiding labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.core.errors import TrainingError
from headstart.core.predictions import Predictions, joined
from headstart.core.seeds import generator_for
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.nested_parts import nested_parts
from headstart.data.task import Task
from headstart.evaluation.compare import compare
from headstart.planning.costs import needs_unlabeled, seconds_of_head
from headstart.planning.cross_validation import CrossValidated, fit_rows, rows_for
from headstart.planning.deciding.closed_forms import like
from headstart.planning.deciding.trials import Trials
from headstart.planning.label_budget import UnlabeledGain
from headstart.planning.plan import is_gradient

MOST_UNLABELED = 500
"""Unlabeled images that are tried, at most: a number that is easily had."""
BY_HIDING = "label_mean"
"""The closed form that learns from images without labels, of those that a run tries, in half the time of the other."""
PASSES = 8
"""What its fit takes, as a multiple of a ridge head's: 4 to 15 with 281 and 563 emoji and as many without labels."""
MOST_SECONDS = 1.5
"""Predicted seconds for all its fits; fewer folds are measured where five take longer. Chosen, not measured."""


def unlabeled_gain(trials: Trials) -> tuple[UnlabeledGain | None, str]:
    """What unlabeled images bring to a ridge head on frozen features, or why that was not measured.

    Where there are unlabeled images, a candidate that learned from them is compared with one that did not, out of fold. Which one
    is fixed beforehand: the best of several on these rows would have gained by chance. Without any, half of each fold's labels
    are hidden, of 500 images at most.
    """
    if trials.task.unlabeled is not None:
        return _with_pool(trials, trials.task.unlabeled)
    heads = (one for one in trials.validated if one.result.family == "transfer" and one.predictions is not None)
    best = next((one for one in heads if one.candidate.method["kind"] == "ridge" and not one.members), None)
    return (None, "no ridge head was fitted to compare with") if best is None else _with_hidden(trials, best)


def _with_pool(trials: Trials, free: ImageSet) -> tuple[UnlabeledGain | None, str]:
    """What the unlabeled images that there are bring, by a candidate that was compared anyway: `label_mean`, else the first."""
    fitted = [one for one in trials.validated if one.predictions is not None and not one.members]
    learners = [one for one in fitted if needs_unlabeled(one.candidate.method) and not is_gradient(one.candidate.method)]
    fixed = next((one for one in learners if one.candidate.method["kind"] == BY_HIDING), next(iter(learners), None))
    if fixed is None or fixed.predictions is None:
        return None, "no method that learns from the unlabeled images was fitted"
    own = like(trials, fixed.candidate, kind="ridge")
    plain = next((one.predictions for one in fitted if one.candidate == own), None)
    if plain is None or plain.names != fixed.predictions.names:
        return None, "no ridge head was fitted to compare with"
    gain = compare(fixed.predictions, plain, trials.task.seed).accuracy_gain
    num = round(float(np.mean([len(fold.fit) for fold in trials.task.folds[: fixed.result.num_folds]])))
    kind = str(fixed.candidate.method["kind"])
    return UnlabeledGain(method=kind, against="ridge", num_labels=num, num_unlabeled=len(free), hidden=False, gain=gain), ""


def _with_hidden(trials: Trials, best: CrossValidated) -> tuple[UnlabeledGain | None, str]:
    """What labeled images bring whose labels are hidden: half of each fold's rows keep theirs."""
    task, backbone = trials.task, trials.backbone(best.candidate)
    half = len(task.folds[0].fit) // 2
    price = PASSES * seconds_of_head(best.candidate.method, half + min(half, MOST_UNLABELED), backbone)
    folds = task.folds[: min(best.result.num_folds, int(MOST_SECONDS / max(price, 1e-9)))]
    if not folds:
        return None, f"hiding labels to measure it would take {price:.0f} s a fold"
    both = [like(trials, best.candidate, kind=kind) for kind in (BY_HIDING, "ridge")]
    made: list[list[Predictions]] = []
    sizes: list[tuple[int, int]] = []
    for place, fold in enumerate(folds):
        rows = rows_for(best.candidate, task, fold.fit)
        labels, groups = task.labeled.labels[rows], task.labeled.groups[rows]
        generator = generator_for(task.seed, "curve", place)
        chosen = nested_parts(labels, groups, [len(rows) // 2], generator)[0]
        others = generator.permutation(np.setdiff1d(np.arange(len(rows)), chosen))[:MOST_UNLABELED]
        part = _hiding(task, rows[chosen], rows[np.sort(others)])
        sizes.append((len(part.train), len(part.unlabeled or ())))
        try:
            models = [fit_rows(part, np.arange(len(chosen)), one, backbone, None) for one in both]
        except (TrainingError, np.linalg.LinAlgError) as error:
            return None, str(error)
        made.append([model.predict(task.labeled.take(fold.held_out)) for model in models])
    gain = compare(joined([one for one, _ in made]), joined([two for _, two in made]), task.seed).accuracy_gain
    num_labels, num_unlabeled = (round(float(number)) for number in np.mean(sizes, axis=0))
    return UnlabeledGain(
        method=BY_HIDING, against="ridge", num_labels=num_labels, num_unlabeled=num_unlabeled, hidden=True, gain=gain
    ), ""


def _hiding(task: Task, labeled: Integers, hidden: Integers) -> Task:
    """The task with those rows alone, the second without their labels."""
    return replace(task.restricted_to(labeled), unlabeled=task.labeled.take(hidden).without_labels())
