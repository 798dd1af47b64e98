"""Labeling: which target images a person should label, and what their labels decide."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.errors import PlanError
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.evaluation.compare import mcnemar

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
    labels: Integers, predicted: Mapping[str, Integers], favored: tuple[str, ...], unadapted: str
) -> tuple[tuple[str, ...], str]:
    """Who predicts, by a paired test on labeled target rows, and a sentence that says so.

    The candidate with most rows right is chosen if it wins against the unadapted model, and either validators trust it or chance
    alone would seldom let it win so clearly. Else the best of those that validators trust stays, unless it clearly loses.

    Args:
        labels: Of target rows that no candidate was fitted on, int64 [row].
        predicted: By candidate, int64 [row].
        favored: Those that validators trust, best first.
        unadapted: The unadapted model's name.

    Returns:
        Names and the sentence.
    """
    right = {name: int((one == labels).sum()) for name, one in predicted.items()}
    best = max(right, key=lambda name: (right[name], name in favored, name == unadapted))
    wins, losses = _paired(predicted[best], predicted[unadapted], labels)
    p_value = mcnemar(wins, losses)
    where = f"of {len(labels)} labeled target images, {best} gets {right[best]} right and the unadapted model {right[unadapted]}"
    if best != unadapted and wins > losses and (best in favored or p_value <= LARGEST_P_VALUE):
        return (best,), f"Labels decide: {where} (p = {p_value:.2g})."
    if favored:
        kept = max(favored, key=lambda name: right[name])
        wins, losses = _paired(predicted[kept], predicted[unadapted], labels)
        if wins >= losses or mcnemar(wins, losses) > LARGEST_P_VALUE:
            sentence = f"it wins {wins} and loses {losses} of {len(labels)} target images"
            return (kept,), f"Labels do not speak clearly against {kept}: {sentence}."
    return (), f"The unadapted model stays: {where} (p = {p_value:.2g})."


def _paired(one: Integers, other: Integers, labels: Integers) -> tuple[int, int]:
    """Rows that only one gets right, and rows that only the other does."""
    first, second = one == labels, other == labels
    return int((first & ~second).sum()), int((second & ~first).sum())
