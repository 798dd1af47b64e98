"""The audits of several runs together."""

from __future__ import annotations

import pytest
from scipy import stats

from headstart.core.estimate import Estimate
from headstart.planning.ranking.ranking_audit import AuditedNetwork, RankingAudit
from headstart.planning.ranking.ranking_history import history_of


def audit(accuracies, tau=None, **by_score):
    """An audit of networks in the order ranked."""
    best = max(accuracies, key=accuracies.get)
    networks = tuple(
        AuditedNetwork(name=name, rank=place, fit="ridge", accuracy=Estimate(value=value, low=0, high=1), log_loss=0.5)
        for place, (name, value) in enumerate(accuracies.items(), start=1)
    )
    regret = accuracies[best] - networks[0].accuracy.value
    return RankingAudit(
        networks=networks, best=best, weighted_tau=tau, regret=Estimate(value=regret, low=regret, high=regret),
        by_score=by_score, num_rows=50, sentence="",
    )  # fmt: skip


def test_means_are_over_sets_so_that_many_runs_of_one_count_once():
    history = history_of(
        [
            ("digits", audit({"a": 0.80, "b": 0.90}, tau=-1.0, logme=1.0)),
            ("digits", audit({"a": 0.84, "b": 0.90}, tau=0.0, logme=None)),
            ("cells", audit({"a": 0.70, "c": 0.66, "b": 0.68}, tau=1.0, logme=0.5)),
        ]
    )
    assert (history.num_runs, history.num_sets) == (3, 2)
    assert history.regret.value == pytest.approx((0.08 + 0.0) / 2)
    low, high = stats.t.interval(0.95, 1, loc=0.04, scale=stats.sem([0.08, 0.0]))
    assert (history.regret.low, history.regret.high) == (pytest.approx(low), pytest.approx(high))
    assert history.weighted_tau.value == pytest.approx((-0.5 + 1.0) / 2)
    assert history.by_score["logme"].value == pytest.approx((1.0 + 0.5) / 2)
    rows = [(one.name, one.num_runs, one.num_first, one.num_best) for one in history.networks]
    assert rows == [("b", 3, 0, 2), ("a", 3, 3, 1), ("c", 1, 0, 0)]
    assert [one.regret.value for one in history.networks] == pytest.approx([0.01, 0.04, 0.04])
    assert history.sentence == (
        "In 3 runs on 2 data sets the ranking's first was the best network 1 time, and 4.0 points [-46.8, 54.8] below the best "
        "on average; always taking b would have cost 1.0."
    )


def test_one_set_has_no_interval():
    history = history_of([("digits", audit({"a": 0.9, "b": 0.8}, tau=1.0, leep=None))])
    assert (history.regret.low, history.by_score) == (None, {})
    assert history.sentence == (
        "In 1 run on 1 data set the ranking's first was the best network 1 time, and 0.0 points below the best on average; "
        "always taking a would have cost 0.0."
    )


def test_without_audits_there_is_no_history():
    assert history_of([]) is None
