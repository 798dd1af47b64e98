"""Rank aggregation: from scores and resamples of several candidates to ranks and a shortlist. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from headstart.core.records import Migration, Record
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.evaluation.intervals import wilson
from headstart.planning.ranking.stage_scores import StageScore

NUM_DRAWS = 200
"""Half-samples: a share of 5 % then has a standard error of 1.5 points."""
NUM_SCORE_DRAWS = 24
"""Half-samples of scores that are no means over rows, such as LogME, which is computed anew on each. Chosen, not measured."""
LEAST_SHARE = 0.05
"""Candidates that rank before the leader in at least this share of the draws stay in the shortlist: a one-sided test at 5 %."""
LONGEST_SHORTLIST = 3
"""By single scores, the best of three misses the best candidate by 0 to 1.5 points, the first alone by up to 4."""


def _by_score(values: dict[str, Any]) -> dict[str, Any]:
    """Format 1 named the values of the three ranking scores there were then."""
    if "logme_draws" not in values:
        return values
    rest = {name: value for name, value in values.items() if name not in ("hits", "losses", "logme_draws")}
    by_row = {"knn": values["hits"], "ridge_loo": [-float(loss) for loss in values["losses"]]}
    return rest | {"by_row": by_row, "by_draw": {"logme": values["logme_draws"]}}


class CandidateScores(Record):
    """The scores of one candidate on the labeled rows.

    Attributes:
        scores: Every score by name; None where it does not apply.
        by_row: Of ranking scores that are means over rows, the value of each row.
        by_draw: Of other ranking scores, the value on each of the first half-samples; nan where it is not defined.
        num_correct: Rows that the ridge head gets right when they are left out.
        seconds: Time spent.
        stages: Each stage alone; empty where there is one only.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_by_score,)
    scores: dict[str, float | None]
    by_row: dict[str, tuple[float, ...]]
    by_draw: dict[str, tuple[float, ...]]
    num_correct: int
    seconds: float
    stages: tuple[StageScore, ...] = ()


@dataclass(frozen=True)
class Aggregated:
    """The aggregated ranking.

    Attributes:
        order: Names, best first.
        ranks: Mean rank over the ranking scores; 1 is best.
        first_probability: Share of the draws in which each ranks first; ties are shared.
        shortlist: Names to prove by real fits; no baselines.
        distinguishable: Whether one candidate alone leads, is no baseline and beats chance.
        sentence: What to tell a person.
    """

    order: tuple[str, ...]
    ranks: dict[str, float] = field(repr=False)
    first_probability: dict[str, float] = field(repr=False)
    shortlist: tuple[str, ...]
    distinguishable: bool
    sentence: str


def half_samples(labels: Integers, seed: int, num_draws: int = NUM_DRAWS) -> Booleans:
    """Random halves of the rows, each class halved on its own, bool [draw, sample].

    The mean over a half drawn without replacement varies around the mean of all rows just as that varies around the truth, and
    unlike a bootstrap draw it holds no row twice, whose copy would be its nearest neighbor.
    """
    generator = generator_for(seed, "rank", "halves")
    drawn = np.zeros((num_draws, len(labels)), bool)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for draw in drawn:
        for rows in members:
            size = (len(rows) + int(generator.integers(2))) // 2
            draw[generator.permutation(rows)[:size]] = True
        if not draw.any():
            draw[generator.integers(len(labels))] = True
    return drawn


def aggregate(
    by_candidate: Mapping[str, CandidateScores],
    halves: Booleans,
    chance: float,
    baselines: frozenset[str] = frozenset(),
    prior: str = "",
) -> Aggregated:
    """Rank candidates by the mean rank of the ranking scores, and say how sure that is.

    These are LogME, 1-nearest-neighbor and ridge leave-one-out; the other scores are shown, as adding them did not help.

    Args:
        by_candidate: Their scores, all on the same rows and draws.
        halves: bool [draw, sample], from `half_samples`.
        chance: Accuracy of always naming the most frequent class.
        baselines: Names of candidates that carry no knowledge.
        prior: Name of the candidate that is best by published accuracy; it is always shortlisted.

    Returns:
        The ranks, the shortlist and whether they can be told apart.

    Reference: Renggli et al., "Which model to transfer?", CVPR 2022: shortlist the best by prior next to the best by score.
    Differs: mean rank of several scores; candidates stay listed when they lead in at least 5 % of the draws.
    """
    names = list(by_candidate)
    scores = sorted(set.intersection(*({*one.by_row, *one.by_draw} for one in by_candidate.values())))
    full = np.array([[_value(by_candidate[name].scores.get(score)) for score in scores] for name in names])
    ranks = _mean_ranks(full[None])[0]
    drawn = [_drawn(score, list(by_candidate.values()), full[:, place], halves) for place, score in enumerate(scores)]
    draws = _mean_ranks(np.stack(drawn, axis=2))
    leading = draws <= draws.min(axis=1, keepdims=True) + 1e-9
    first = (leading / leading.sum(axis=1, keepdims=True)).mean(axis=0)
    order = sorted(range(len(names)), key=lambda index: (ranks[index], -first[index], names[index]))
    leader = order[0]
    level = (draws <= draws[:, [leader]] + 1e-9).mean(axis=0) >= LEAST_SHARE
    confidence_set = tuple(names[index] for index in order if level[index] or index == leader)
    ordered = tuple(names[index] for index in order)
    known = [name for name in ordered if name not in baselines]
    top = by_candidate[known[0]] if known else by_candidate[ordered[0]]
    at_chance = bool(wilson(top.num_correct, halves.shape[1]).low <= chance)
    return Aggregated(
        order=ordered,
        ranks={name: float(rank) for name, rank in zip(names, ranks, strict=True)},
        first_probability={name: float(share) for name, share in zip(names, first, strict=True)},
        shortlist=_shortlist(known, confidence_set, prior),
        distinguishable=len(confidence_set) == 1 and confidence_set[0] not in baselines and not at_chance,
        sentence=_sentence(confidence_set, baselines, at_chance, float(first[leader]), halves.shape[1]),
    )


def _value(score: float | None) -> float:
    return -np.inf if score is None or np.isnan(score) else score


def _mean_ranks(values: Floats) -> Floats:
    """Mean over the scores of each candidate's rank, [draw, candidate] from [draw, candidate, score]; 1 is best."""
    from scipy.stats import rankdata  # noqa: PLC0415  takes half a second

    return np.asarray(rankdata(-np.round(values, 10), axis=1).mean(axis=2))


def _drawn(score: str, candidates: list[CandidateScores], full: Floats, halves: Booleans) -> Floats:
    """A score on every half-sample, [draw, candidate].

    Scores that are no means over rows are known on the first draws only, which the later ones use again; these are moved to the
    value of all rows, because half the rows favor simpler features.
    """
    if all(score in one.by_row for one in candidates):
        shares = halves / halves.sum(axis=1, keepdims=True)
        return np.asarray(shares @ np.array([one.by_row[score] for one in candidates]).T)
    known = np.where(np.isfinite(full), full, -1e9)
    draws = np.array([one.by_draw[score] for one in candidates]).T.reshape(-1, len(candidates))
    draws = draws[~np.isnan(draws).any(axis=1)]
    if not len(draws):
        return np.tile(known, (len(halves), 1))
    return np.asarray((draws - draws.mean(axis=0) + known)[np.arange(len(halves)) % len(draws)])


def _shortlist(known: list[str], confidence_set: tuple[str, ...], prior: str) -> tuple[str, ...]:
    chosen = [name for name in known if name in confidence_set][:LONGEST_SHORTLIST] or known[:1]
    if prior in known and prior not in chosen:
        chosen = [*chosen[: LONGEST_SHORTLIST - 1], prior]
    return tuple(chosen)


def _sentence(confidence_set: tuple[str, ...], baselines: frozenset[str], at_chance: bool, share: float, num_rows: int) -> str:
    among = [name for name in confidence_set if name in baselines]
    if among:
        return (
            f"No evidence of useful transfer: on {num_rows} labeled images the best candidate is not told apart from "
            f"{' and '.join(among)}, which {'carries' if len(among) == 1 else 'carry'} no knowledge."
        )
    if at_chance:
        return f"No evidence of useful transfer: on {num_rows} labeled images the best candidate is not told apart from chance."
    if len(confidence_set) > 1:
        others = ", ".join(confidence_set[:-1])
        return f"{num_rows} labeled images cannot tell {others} and {confidence_set[-1]} apart; real fits must decide."
    return f"{confidence_set[0]} ranks first in {share:.0%} of the resamples of {num_rows} labeled images."
