"""Labeling: which target images a person should label, and what their labels decide."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.compare import mcnemar
from headstart.planning.adapting.consensus import MOST_TOGETHER

LARGEST_P_VALUE = 0.25
"""Of a candidate that validators do not trust, against the unadapted model. It is generous: labels were asked for where the two
differ, so that one p-value stands against one choice."""


def query_rows(probs: list[Floats], features: Floats, num: int, seed: int) -> Integers:
    """Target rows whose labels tell most about which candidate is right.

    Only rows on which candidates differ can tell them apart. Of these, every row is as likely to be asked for as any other, so
    that wins less losses on the rows asked for is an unbiased comparison of any two candidates. They are spread over classes and,
    within those, over places: rows are put in that order and taken at equal distances from a random start. Where candidates
    differ on fewer rows than asked for, all of them are taken and others are added in the same way.

    Args:
        probs: Of each candidate that may still be chosen, float [target, class].
        features: Where the rows lie, float [target, feature].
        num: How many to label.
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
    telling, others = order[differ[order]], order[~differ[order]]
    chosen = _spread(telling, num, generator)
    rest = _spread(others, num - len(chosen), generator)
    return np.sort(np.concatenate([chosen, rest]))


def _spread(rows: Integers, num: int, generator: np.random.Generator) -> Integers:
    """That many of the rows at equal distances, from a random start; all of them where there are no more."""
    if num <= 0 or len(rows) <= num:
        return rows[: max(num, 0)]
    places = (generator.uniform() + np.arange(num)) * len(rows) / num
    return rows[places.astype(np.int64)]


def chosen_by_labels(
    labels: Integers, predicted: Mapping[str, Integers], favored: tuple[str, ...], together: Integers, unadapted: str
) -> tuple[tuple[str, ...], str]:
    """Who predicts, by paired tests on labeled target rows, and a sentence that says so.

    Where the candidate with most rows right wins so clearly against the unadapted model as chance would seldom have it, it is
    chosen, together with all whose losses against it are within one standard error: on 20 labels, the single best of twenty
    candidates is mostly the luckiest. Else those that validators trust stay, unless together they clearly lose.

    Args:
        labels: Of target rows that no candidate was fitted on, int64 [row].
        predicted: By candidate, int64 [row].
        favored: Those that validators trust, best first.
        together: What these say together, int64 [row].
        unadapted: The unadapted model's name.

    Returns:
        Names and the sentence; none where the unadapted model stays.
    """
    right = {name: int((one == labels).sum()) for name, one in predicted.items()}
    ranked = sorted(right, key=lambda name: (-right[name], name not in favored, name != unadapted))
    best, base = ranked[0], predicted[unadapted]
    wins, losses = _paired(predicted[best], base, labels)
    p_value = mcnemar(wins, losses)
    where = f"of {len(labels)} labeled target images, {best} gets {right[best]} right and the unadapted model {right[unadapted]}"
    if wins > losses and p_value <= LARGEST_P_VALUE:
        near = tuple(name for name in ranked if _within_error(predicted[best], predicted[name], labels))[:MOST_TOGETHER]
        others = f"; {', '.join(near[1:])} predict{'s' * (len(near) == 2)} with it, within one standard error" if near[1:] else ""
        return near, f"Labels decide: {where} (p = {p_value:.2g}){others}."
    if favored:
        wins, losses = _paired(together, base, labels)
        if wins >= losses or mcnemar(wins, losses) > LARGEST_P_VALUE:
            won = f"wins {wins} and loses {losses} of {len(labels)} target images against the unadapted model"
            return favored, f"Labels do not speak clearly: {', '.join(favored)} {won}."
    return (), f"The unadapted model stays: {where} (p = {p_value:.2g})."


def _within_error(best: Integers, other: Integers, labels: Integers) -> bool:
    """Whether the best wins no more than one standard error of wins less losses against the other."""
    wins, losses = _paired(best, other, labels)
    return wins - losses <= math.sqrt(wins + losses)


def _paired(one: Integers, other: Integers, labels: Integers) -> tuple[int, int]:
    """Rows that only one gets right, and rows that only the other does."""
    first, second = one == labels, other == labels
    return int((first & ~second).sum()), int((second & ~first).sum())
