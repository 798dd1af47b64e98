"""Stage scores: what each stage of a network predicts alone, and at which depth its knowledge lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.estimate import Estimate
from headstart.core.records import Record
from headstart.core.types import Booleans, Floats, Integers
from headstart.evaluation.intervals import wilson
from headstart.features.feature_set import FeatureSet, LabeledFeatures
from headstart.features.representation import Representation
from headstart.scores import SCORES
from headstart.scores.ridge_loo import log_likelihoods, ridge_head

ONE_SIDED_95 = 1.645
"""Standard errors that one stage must be below another to count as worse: a one-sided test at 5 %."""
ROUNDING = 1e-9
"""Nats that two equal likelihoods may differ by."""


class StageScore(Record):
    """One stage of a network, scored alone by its means and standard deviations over places.

    Attributes:
        name: The module that the stage ends with.
        num_features: Their number.
        accuracy: Leave-one-out accuracy of the ridge head on them.
        scores: The scores that candidates are ranked by.
        among_best: Whether its leave-one-out log-likelihood is not below that of the best stage beyond noise.
    """

    name: str
    num_features: int
    accuracy: Estimate
    scores: dict[str, float | None]
    among_best: bool


def stage_scores(features: FeatureSet, labels: Integers) -> tuple[StageScore, ...]:
    """The scores of each stage on labeled rows, first stage first; empty for features that have one stage only."""
    if len(features.stages) < 2:
        return ()
    stages = [_stage(features, place, labels) for place in range(len(features.stages))]
    among_best = _among_best([stage.once(log_likelihoods) for stage in stages])
    found = []
    for name, stage, among in zip(features.stage_names, stages, among_best.tolist(), strict=True):
        head = stage.once(ridge_head)
        num_correct = int((head.loo_scores.argmax(axis=1) == labels[head.loo_rows]).sum())
        found.append(
            StageScore(
                name=name,
                num_features=stage.features.shape[1],
                accuracy=wilson(num_correct, len(head.loo_rows)),
                scores={score: SCORES.get(score)(stage) for score in SCORES.having("by_row")},
                among_best=among,
            )
        )
    return tuple(found)


def _stage(features: FeatureSet, place: int, labels: Integers) -> LabeledFeatures:
    stds = features.stds[place : place + 1]
    alone = FeatureSet(features.stages[place : place + 1], None, None, features.stage_names[place : place + 1], stds)
    return LabeledFeatures(Representation.fitted(alone, "stages").matrix(alone), labels)


def _among_best(likelihoods: Sequence[Floats]) -> Booleans:
    """Whether each mean over rows is not below the highest one by a paired one-sided test, bool [stage]."""
    rows = np.stack(likelihoods)
    lost = rows[rows.mean(axis=1).argmax()] - rows
    error = lost.std(axis=1, ddof=1) / np.sqrt(rows.shape[1])
    return np.asarray(lost.mean(axis=1) <= ONE_SIDED_95 * error + ROUNDING)


def depth_sentence(name: str, stages: Sequence[StageScore], together: Estimate) -> str:
    """At which depth the knowledge of a network lies for these labels; empty where its stages are not known.

    Args:
        name: The network.
        stages: Its stages, first one first.
        together: Leave-one-out accuracy on all stages side by side.

    Returns:
        The sentence.
    """
    if not stages:
        return ""
    num = len(stages)
    best = max(range(num), key=lambda place: stages[place].scores.get("ridge_loo") or -np.inf)
    shown = [f"{stages[place].accuracy.value:.1%} by stage {place + 1}" for place in sorted({0, best, num - 1})]
    return (
        f"{_where(name, [place for place, one in enumerate(stages, start=1) if one.among_best], num)}: leave-one-out accuracy is "
        f"{', '.join(shown)}, each alone, and {together.value:.1%} by all together."
    )


def _where(name: str, best: Sequence[int], num: int) -> str:
    """Where the stages lie that are not told apart from the best, counted from 1."""
    first, last = best[0], best[-1]
    if first == 1 and last == num:
        return f"These labels cannot tell at which depth the knowledge of {name} lies"
    if first == 1:
        return f"The knowledge of {name} lies early, up to stage {last} of {num}"
    if last == num:
        return f"The knowledge of {name} lies late, from stage {first} of {num} on"
    stages = f"stages {first} to {last}" if first < last else f"stage {first}"
    return f"The knowledge of {name} lies in the middle, in {stages} of {num}"
