"""Audit: the order of the ranking against the fits that decide."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence

import numpy as np

from headstart.core.estimate import Estimate
from headstart.evaluation.compare import compare
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.ranking.ranking import RankedCandidate, Ranking
from headstart.planning.ranking.ranking_audit import AuditedNetwork, RankingAudit


def audited(ranking: Ranking, validated: Sequence[CrossValidated], seed: int) -> RankingAudit | None:
    """The ranking's order held against the out-of-fold accuracy of real fits.

    Networks are compared by what they have in common: the methods, at the input sides, that most networks were fitted with, on
    all held-out rows. Of these each network has its best by log loss. Ensembles do not count.

    Args:
        ranking: The ranked networks; baselines are left out.
        validated: The fits.
        seed: Of the paired comparison.

    Returns:
        The audit; None where fewer than two ranked networks were fitted with the same method.

    Reference: Vigna, "A weighted correlation index for rankings with ties", WWW 2015, for the weighted tau.
    """
    ranked = [one for one in ranking.candidates if not one.baseline]
    fits = _comparable(ranked, validated)
    if len(fits) < 2:
        return None
    ranked = [one for one in ranked if one.name in fits]
    outcomes = {name: (_accuracy(fit), -_log_loss(fit)) for name, fit in fits.items()}
    best = max(outcomes, key=lambda name: outcomes[name])
    first, top = fits[ranked[0].name], fits[best]
    assert first.predictions is not None
    assert top.predictions is not None
    regret = compare(top.predictions, first.predictions, seed)
    order = [sorted(outcomes.values()).index(outcomes[one.name]) for one in ranked]
    tau = weighted_tau([-one.rank for one in ranked], order)
    return RankingAudit(
        networks=tuple(_network(one, fits[one.name]) for one in ranked),
        best=best,
        weighted_tau=tau,
        regret=regret.accuracy_gain,
        by_score={score: _tau_of(score, ranked, order) for score in ranked[0].scores},
        num_rows=regret.num_rows,
        sentence=_sentence(ranked[0].name, best, regret.accuracy_gain, len(ranked), tau),
    )


def weighted_tau(predicted: Sequence[float], found: Sequence[float]) -> float | None:
    """Kendall's tau with hyperbolic weights, the mean of weighting by either order; None where one side does not vary.

    >>> weighted_tau([3, 2, 1], [30, 20, 10])
    1.0
    """
    from scipy.stats import weightedtau  # noqa: PLC0415  takes half a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no variation: 0 / 0, which is None here
        tau = float(weightedtau(predicted, found).statistic)
    return None if np.isnan(tau) else round(tau, 12)


def _comparable(ranked: list[RankedCandidate], validated: Sequence[CrossValidated]) -> dict[str, CrossValidated]:
    """The fit that each network is judged by, all with what all of them were fitted with.

    That is methods at input sides where this holds for as many networks as methods at any side, else methods.
    """
    names = {(one.pretrained, one.weights): one.name for one in ranked}
    whole = max((len(one.predictions) for one in validated if one.predictions is not None), default=0)
    fits = [one for one in validated if one.predictions is not None and len(one.predictions) == whole]
    named = [(names.get((one.candidate.pretrained, one.candidate.weights)), one) for one in fits if not one.candidate.partners]
    of_ranked = [(name, one) for name, one in named if name is not None]
    return max((_alike(of_ranked, sides) for sides in (True, False)), key=len)


def _alike(fits: Sequence[tuple[str, CrossValidated]], sides: bool) -> dict[str, CrossValidated]:
    """The best fit of each network among the methods, or methods and input sides, that most networks were fitted with."""
    groups: dict[str, dict[str, CrossValidated]] = {}
    for name, one in fits:
        key = json.dumps([one.candidate.method, one.candidate.input_pixels if sides else None], sort_keys=True)
        group = groups.setdefault(key, {})
        group[name] = min(one, group.get(name, one), key=_log_loss)
    widest = max(groups.values(), key=len, default={})
    shared = [group for group in groups.values() if group.keys() == widest.keys()]
    return {name: min((group[name] for group in shared), key=_log_loss) for name in widest}


def _network(one: RankedCandidate, fit: CrossValidated) -> AuditedNetwork:
    assert fit.result.accuracy is not None
    return AuditedNetwork(
        name=one.name, rank=one.rank, fit=fit.result.name, accuracy=fit.result.accuracy, log_loss=_log_loss(fit)
    )


def _accuracy(one: CrossValidated) -> float:
    return one.result.accuracy.value if one.result.accuracy else -np.inf


def _log_loss(one: CrossValidated) -> float:
    return one.result.log_loss.value if one.result.log_loss else np.inf


def _tau_of(score: str, ranked: list[RankedCandidate], order: list[int]) -> float | None:
    values = [one.scores.get(score) for one in ranked]
    known = [value for value in values if value is not None and np.isfinite(value)]
    return weighted_tau(known, order) if len(known) == len(ranked) else None


def _sentence(first: str, best: str, regret: Estimate, num: int, tau: float | None) -> str:
    agreement = "" if tau is None else f" (weighted tau {tau:.2f})"
    if first == best:
        return f"Real fits agree with the ranking's first: {first} is the best of {num} networks fitted{agreement}."
    points = f"{100 * regret.value:.1f} points [{100 * regret.low:.1f}, {100 * regret.high:.1f}]"
    doubt = "; these labels cannot tell the two apart" if regret.low <= 0 else ""
    return (
        f"By real fits {best} is the best of {num} networks; the ranking's first, {first}, is {points} below{agreement}{doubt}."
    )
