"""RankingHistory: the audits of many rankings together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from headstart.core.records import Record
from headstart.planning.ranking.ranking_audit import RankingAudit


class MeanOverSets(Record):
    """A mean over data sets of each set's mean over its runs.

    Attributes:
        value: The mean.
        low: Lower end of the 95 % t interval over sets; None of one set, or where no run tells it.
        high: Its upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None


class NetworkHistory(Record):
    """What real fits found about a network that was ranked.

    Attributes:
        name: The network.
        num_runs: Runs whose audit has it.
        num_first: Runs in which it ranked first.
        num_best: Runs in which it was the best by real fits.
        regret: Accuracy of the best network minus its own: what always taking it would have cost.
    """

    name: str
    num_runs: int
    num_first: int
    num_best: int
    regret: MeanOverSets


class RankingHistory(Record):
    """The audits of the finished runs of a folder.

    It is shown and not used: a ranking that changed with what lies in a folder would not repeat.

    Attributes:
        networks: The network that costs least when always taken comes first; among equals, the one audited most often.
        num_runs: Runs with an audit.
        num_sets: Data sets of these runs.
        regret: Accuracy of the best network minus that of the ranking's first.
        weighted_tau: Agreement of the ranking with real fits; None where no run has it.
        by_score: That of each transferability score alone, over the runs that have it.
        sentence: What to tell a person.
    """

    networks: tuple[NetworkHistory, ...]
    num_runs: int
    num_sets: int
    regret: MeanOverSets
    weighted_tau: MeanOverSets | None
    by_score: dict[str, MeanOverSets]
    sentence: str


def history_of(audits: Iterable[tuple[str, RankingAudit]]) -> RankingHistory | None:
    """The history of audits, each with the name of its data set; None where there is none.

    Runs of one set resemble one another, so that means and intervals are over sets.
    """
    known = [_Audited(place, audit) for place, audit in audits]
    if not known:
        return None
    names = dict.fromkeys(one.name for each in known for one in each.audit.networks)
    networks = sorted((_network(name, known) for name in names), key=_cheapest_first)
    regret = _mean([(each.place, each.audit.regret.value) for each in known])
    taus = [(each.place, each.audit.weighted_tau) for each in known]
    scores = dict.fromkeys(score for each in known for score in each.audit.by_score)
    by_score = {score: _mean_of_known([(each.place, each.audit.by_score.get(score)) for each in known]) for score in scores}
    return RankingHistory(
        networks=tuple(networks),
        num_runs=len(known),
        num_sets=len({each.place for each in known}),
        regret=regret,
        weighted_tau=_mean_of_known(taus),
        by_score={score: tau for score, tau in by_score.items() if tau is not None},
        sentence=_sentence(networks, known, regret),
    )


class _Audited(NamedTuple):
    """An audit and the data set of its run."""

    place: str
    audit: RankingAudit


def _network(name: str, audits: Sequence[_Audited]) -> NetworkHistory:
    met = [(place, audit, one) for place, audit in audits for one in audit.networks if one.name == name]
    return NetworkHistory(
        name=name,
        num_runs=len(met),
        num_first=sum(audit.first == name for _, audit, _ in met),
        num_best=sum(audit.best == name for _, audit, _ in met),
        regret=_mean([(place, audit.best_accuracy - one.accuracy.value) for place, audit, one in met]),
    )


def _cheapest_first(one: NetworkHistory) -> tuple[float, int, str]:
    return round(one.regret.value, 9), -one.num_runs, one.name


def _mean(values: Sequence[tuple[str, float]]) -> MeanOverSets:
    """The mean over sets of the mean in each, with its t interval."""
    places = sorted({place for place, _ in values})
    means = np.array([np.mean([value for place, value in values if place == name]) for name in places])
    mean = float(means.mean())
    if len(means) < 2:
        return MeanOverSets(value=mean)
    half = float(stdtrit(len(means) - 1, 0.975) * means.std(ddof=1) / np.sqrt(len(means)))
    return MeanOverSets(value=mean, low=mean - half, high=mean + half)


def _mean_of_known(values: Sequence[tuple[str, float | None]]) -> MeanOverSets | None:
    known = [(place, value) for place, value in values if value is not None]
    return _mean(known) if known else None


def _sentence(networks: Sequence[NetworkHistory], audits: Sequence[_Audited], regret: MeanOverSets) -> str:
    num, sets = len(audits), len({each.place for each in audits})
    right = sum(audit.first == audit.best for _, audit in audits)
    span = "" if regret.low is None or regret.high is None else f" [{100 * regret.low:.1f}, {100 * regret.high:.1f}]"
    most = max(one.num_runs for one in networks)
    steady = next(one for one in networks if one.num_runs == most)
    return (
        f"In {num} run{'s' * (num > 1)} on {sets} data set{'s' * (sets > 1)} the ranking's first was the best network {right} "
        f"time{'s' * (right != 1)}, and {100 * regret.value:.1f} points{span} below the best on average; always taking "
        f"{steady.name} would have cost {100 * steady.regret.value:.1f}."
    )
