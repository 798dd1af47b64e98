"""Label queries: which target images a person should label, and what their labels decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.compare import mcnemar
from headstart.planning.adapting import consensus
from headstart.planning.adapting.adaptation import UNADAPTED

LARGEST_P_VALUE = 0.25
"""The largest p-value of McNemar's test at which a candidate that was not chosen without labels replaces the unadapted model.
Chosen, not measured: it is large because the rows to label are those on which candidates differ, and one choice is made."""


class LabelChoice(NamedTuple):
    """What labeled target rows decide.

    Attributes:
        chosen: Names of the candidates that predict.
        reason: Why, as a sentence.
        p_value: Where labels choose the candidates, McNemar's p-value of the best one against the unadapted model, times the
            number of candidates that it is the best of, at most 1 (Bonferroni); None where labels choose none of them.
    """

    chosen: tuple[str, ...]
    reason: str
    p_value: float | None = None


def query_rows(probs: list[Floats], features: Floats, num: int, seed: int) -> Integers:
    """The target rows whose labels say most about which candidate is right.

    Only rows on which candidates differ can compare them. Each of these is queried with the same probability, so that wins
    minus losses on the queried rows compare any two candidates without bias. Rows are ordered by class and, within a class, along
    the first principal component of the features, and taken at equal distances from a random start. Where candidates differ on
    fewer rows than asked for, all of these are taken and others are added in the same way.

    Args:
        probs: Of each candidate, float [target, class].
        features: Of the rows, float [target, feature].
        num: How many rows to query.
        seed: Of the start.

    Returns:
        int64 [num], ascending; fewer where there are fewer rows.

    Raises:
        PlanError: `num` is below one.

    Reference: systematic sampling of Madow & Madow, "On the Theory of Systematic Sampling", 1944; that rows on which models
        disagree are worth labeling goes back to Seung, Opper & Sompolinsky, "Query by Committee", COLT 1992.
    """
    if num < 1:
        raise PlanError(f"num = {num}: ask for one image or more.")
    predicted = np.stack([one.argmax(axis=1) for one in probs])
    differ = (predicted != predicted[0]).any(axis=0)
    main = np.mean(probs, axis=0).argmax(axis=1)
    axis = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[2][0]
    order = np.lexsort((features @ axis, main))
    generator = generator_for(seed, "query rows")
    chosen = _systematic_sample(order[differ[order]], num, generator)
    rest = _systematic_sample(order[~differ[order]], num - len(chosen), generator)
    return np.sort(np.concatenate([chosen, rest]))


def _systematic_sample(rows: Integers, num: int, generator: np.random.Generator) -> Integers:
    """That many of the rows at equal distances, from a random start; all of them where there are no more."""
    if num <= 0 or len(rows) <= num:
        return rows[: max(num, 0)]
    places = (generator.uniform() + np.arange(num)) * len(rows) / num
    return rows[places.astype(np.int64)]


def chosen_by_labels(
    labels: Integers, predicted: Mapping[str, Integers], favored: tuple[str, ...], together: Integers
) -> LabelChoice:
    """The candidates that predict, by paired tests on labeled target rows.

    If the candidate with most rows right is significantly better than the unadapted model, it is chosen with all candidates whose
    losses against it are within one standard error: on 20 labels, the single best of many candidates is mostly the luckiest.
    Else the choice made without labels stays, unless its ensemble is significantly worse than the unadapted model.

    Args:
        labels: Of target rows that no candidate was fitted on, int64 [row].
        predicted: By candidate, int64 [row].
        favored: The choice made without labels, the best first.
        together: Predictions of the ensemble of these, int64 [row].

    Returns:
        Names, the reason, and the p-value where labels choose.
    """
    right = {name: int((one == labels).sum()) for name, one in predicted.items()}
    ranked = sorted(right, key=lambda name: (-right[name], name not in favored, name != UNADAPTED))
    best, base = ranked[0], predicted[UNADAPTED]
    wins, losses = _paired(predicted[best], base, labels)
    p_value = mcnemar(wins, losses)
    where = f"of {len(labels)} labeled target images, {best} gets {right[best]} right and the unadapted model {right[UNADAPTED]}"
    if wins > losses and p_value <= LARGEST_P_VALUE:
        near = tuple(name for name in ranked if _within_error(predicted[best], predicted[name], labels))[: consensus.MOST_MEMBERS]
        others = f"; {', '.join(near[1:])} predict{'s' * (len(near) == 2)} with it, within one standard error" if near[1:] else ""
        corrected = min(1.0, p_value * (len(predicted) - 1))
        return LabelChoice(near, f"Labels decide: {where} (p = {p_value:.2g}){others}.", corrected)
    if favored:
        wins, losses = _paired(together, base, labels)
        if wins >= losses or mcnemar(wins, losses) > LARGEST_P_VALUE:
            won = f"wins {wins} and loses {losses} of {len(labels)} target images against the unadapted model"
            return LabelChoice(favored, f"Labels do not decide: {', '.join(favored)} {won}.")
    return LabelChoice((UNADAPTED,), f"The unadapted model stays: {where} (p = {p_value:.2g}).")


def _within_error(best: Integers, other: Integers, labels: Integers) -> bool:
    """Whether wins minus losses of the best against the other are at most one standard error."""
    wins, losses = _paired(best, other, labels)
    return wins - losses <= math.sqrt(wins + losses)


def _paired(one: Integers, other: Integers, labels: Integers) -> tuple[int, int]:
    """Rows that only one gets right, and rows that only the other does."""
    first, second = one == labels, other == labels
    return int((first & ~second).sum()), int((second & ~first).sum())
