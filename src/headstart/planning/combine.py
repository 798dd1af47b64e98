"""Combine: from scores and resamples of several candidates to ranks, a confidence set and a shortlist. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata

from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.evaluation.intervals import wilson

NUM_DRAWS = 200
NUM_EVIDENCE_DRAWS = 24
LEAST_SHARE = 0.05
LONGEST_SHORTLIST = 3


class Evidence(Record):
    """What the labeled rows say about one candidate.

    Attributes:
        scores: Every score by name; None where it does not apply. The combined ones are "logme", "knn" and "ridge_loo".
        hits: Per row, whether its nearest other row has its label.
        losses: Per row, the leave-one-out negative log-likelihood of the ridge head.
        num_correct: Rows that the ridge head gets right when they are left out.
        logme_draws: LogME on each of the first half-samples; nan where a half-sample has one class only.
        seconds: Time spent.
    """

    scores: dict[str, float | None]
    hits: tuple[float, ...]
    losses: tuple[float, ...]
    num_correct: int
    logme_draws: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Combined:
    """The verdict over candidates.

    Attributes:
        order: Names, best first.
        ranks: Mean rank over LogME, nearest neighbor and ridge leave-one-out; 1 is best.
        first_probability: Share of the draws in which each ranks first; ties are shared.
        confidence_set: Names that the draws cannot put behind the leader, in order.
        shortlist: Names to prove by real fits; no canaries.
        distinguishable: Whether one candidate alone leads, is no canary and beats chance.
        sentence: What to tell a person.
    """

    order: tuple[str, ...]
    ranks: dict[str, float] = field(repr=False)
    first_probability: dict[str, float] = field(repr=False)
    confidence_set: tuple[str, ...]
    shortlist: tuple[str, ...]
    distinguishable: bool
    sentence: str


def half_samples(labels: Integers, seed: int, num_draws: int = NUM_DRAWS) -> Booleans:
    """Random halves of the rows, each class halved on its own.

    The mean over a half drawn without replacement varies around the mean of all rows just as that varies around the truth, and
    unlike a bootstrap draw it holds no row twice, which a nearest neighbor or LogME would take for knowledge.

    Args:
        labels: int64 [sample].
        seed: Decides the halves.
        num_draws: How many.

    Returns:
        bool [draw, sample].
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


def combine(
    evidence: Mapping[str, Evidence], halves: Booleans, chance: float, canaries: frozenset[str] = frozenset(), prior: str = ""
) -> Combined:
    """Rank candidates by the mean rank of three scores, and say how sure that is.

    LogME, 1-nearest-neighbor and ridge leave-one-out are combined; the other scores are shown, as adding them did not help.

    Args:
        evidence: By candidate, all on the same rows and draws.
        halves: bool [draw, sample], from `half_samples`.
        chance: Accuracy of always naming the most frequent class.
        canaries: Names of candidates that carry no knowledge.
        prior: Name of the candidate that is best by published accuracy; it is always shortlisted.

    Returns:
        The verdict.

    Reference: Renggli et al., "Which model to transfer?", CVPR 2022: shortlist the best by prior next to the best by score.
    Differs: mean rank of three scores; candidates stay listed when they lead in at least 5 % of the draws.
    """
    names = list(evidence)
    full = np.array([[_value(evidence[name].scores.get(score)) for score in ("logme", "knn", "ridge_loo")] for name in names])
    ranks = _mean_ranks(full[None])[0]
    draws = _mean_ranks(_drawn(list(evidence.values()), full[:, 0], halves))
    leading = draws <= draws.min(axis=1, keepdims=True) + 1e-9
    first = (leading / leading.sum(axis=1, keepdims=True)).mean(axis=0)
    order = sorted(range(len(names)), key=lambda index: (ranks[index], -first[index], names[index]))
    leader = order[0]
    level = (draws <= draws[:, [leader]] + 1e-9).mean(axis=0) >= LEAST_SHARE
    alike = tuple(names[index] for index in order if level[index] or index == leader)
    ordered = tuple(names[index] for index in order)
    known = [name for name in ordered if name not in canaries]
    top = evidence[known[0]] if known else evidence[ordered[0]]
    lucky = bool(wilson(top.num_correct, len(top.losses)).low <= chance)
    return Combined(
        order=ordered,
        ranks={name: float(rank) for name, rank in zip(names, ranks, strict=True)},
        first_probability={name: float(share) for name, share in zip(names, first, strict=True)},
        confidence_set=alike,
        shortlist=_shortlist(known, alike, prior),
        distinguishable=len(alike) == 1 and alike[0] not in canaries and not lucky,
        sentence=_sentence(alike, canaries, lucky, float(first[leader]), halves.shape[1]),
    )


def _value(score: float | None) -> float:
    return -np.inf if score is None or np.isnan(score) else score


def _mean_ranks(values: Floats) -> Floats:
    """Mean over the scores of each candidate's rank, [draw, candidate] from [draw, candidate, score]; 1 is best."""
    return np.asarray(rankdata(-np.round(values, 10), axis=1).mean(axis=2))


def _drawn(evidence: list[Evidence], logme: Floats, halves: Booleans) -> Floats:
    """The three scores on every draw, [draw, candidate, score].

    LogME costs more, so that it is computed for the first draws only, which the later ones use again; its draws are moved to
    the value of all rows, because half the rows favor simpler features.
    """
    shares = halves / halves.sum(axis=1, keepdims=True)
    hits = shares @ np.array([one.hits for one in evidence]).T
    losses = shares @ np.array([one.losses for one in evidence]).T
    parts = np.array([one.logme_draws for one in evidence]).T.reshape(-1, len(evidence))
    parts = parts[~np.isnan(parts).any(axis=1)]
    if len(parts):
        moved = parts - parts.mean(axis=0) + np.where(np.isfinite(logme), logme, -1e9)
        again = moved[np.arange(len(halves)) % len(moved)]
    else:
        again = np.tile(np.where(np.isfinite(logme), logme, -1e9), (len(halves), 1))
    return np.stack([again, hits, -losses], axis=2)


def _shortlist(known: list[str], alike: tuple[str, ...], prior: str) -> tuple[str, ...]:
    chosen = [name for name in known if name in alike][:LONGEST_SHORTLIST] or known[:1]
    if prior in known and prior not in chosen:
        chosen = [*chosen[: LONGEST_SHORTLIST - 1], prior]
    return tuple(chosen)


def _sentence(alike: tuple[str, ...], canaries: frozenset[str], lucky: bool, share: float, num_rows: int) -> str:
    sunk = [name for name in alike if name in canaries]
    if sunk:
        return (
            f"No evidence of useful transfer: on {num_rows} labeled images the best candidate is not told apart from "
            f"{' and '.join(sunk)}, which {'carries' if len(sunk) == 1 else 'carry'} no knowledge."
        )
    if lucky:
        return f"No evidence of useful transfer: on {num_rows} labeled images the best candidate is not told apart from chance."
    if len(alike) > 1:
        return f"{num_rows} labeled images cannot tell {', '.join(alike[:-1])} and {alike[-1]} apart; real fits must decide."
    return f"{alike[0]} ranks first in {share:.0%} of the resamples of {num_rows} labeled images."
