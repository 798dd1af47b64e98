"""The order of a ranking against that of real fits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import weightedtau

from headstart.core.estimate import Estimate
from headstart.planning.deciding.audit import audited, weighted_tau
from headstart.planning.plan import Partner
from headstart.planning.ranking.ranking import RankedCandidate, Ranking

NUM = 41


def ranked(name, rank, baseline=False, **scores):
    return RankedCandidate(
        name=name, pretrained=name, weights="none" if baseline else "pretrained", baseline=baseline, scores=scores, rank=rank,
        first_probability=0.5, estimate=Estimate(value=0.9, low=0.8, high=1.0), seconds=1.0,
    )  # fmt: skip


def ranking_of(*candidates):
    return Ranking(candidates=candidates, chosen=("a",), distinguishable=False, sentence="", num_images=NUM)


@pytest.fixture
def fitted(make_candidate, make_validated, make_predictions):
    """A fit of a network that predicts all but `wrong` of 41 rows, right ones with that margin."""

    def make(network, wrong, margin=2.0, num=NUM, **other):
        margins = np.full(num, margin)
        margins[:wrong] = -1.0
        predictions = make_predictions(margins)
        loss = float(np.log1p(np.exp(-margins)).mean())
        candidate = make_candidate(pretrained=network, **other)
        return make_validated(candidate, 1 - wrong / num, loss, num, predictions=predictions)

    return make


THREE = ranking_of(
    ranked("a", 1.0, logme=3.0, leep=None), ranked("b", 2.0, logme=1.0, leep=2.0), ranked("c", 3.0, logme=2.0, leep=1.0),
    ranked("pixels", 4.0, baseline=True, logme=0.0, leep=None),
)  # fmt: skip


def test_the_audit_says_what_the_first_lacks_to_the_best(fitted):
    fits = [fitted("a", 6), fitted("b", 2), fitted("c", 9), fitted("pixels", 0, family="baseline")]
    audit = audited(THREE, fits, 0)
    assert [one.name for one in audit.networks] == ["a", "b", "c"]
    assert (audit.best, audit.first, audit.num_rows) == ("b", "a", NUM)
    assert audit.regret.value == pytest.approx(4 / NUM)
    assert audit.regret.low <= audit.regret.value <= audit.regret.high
    assert audit.weighted_tau == pytest.approx(weightedtau([3, 2, 1], [2, 3, 1]).statistic)
    assert audit.by_score == {"logme": pytest.approx(weightedtau([3, 1, 2], [2, 3, 1]).statistic), "leep": None}
    low, high = 100 * audit.regret.low, 100 * audit.regret.high
    doubt = "; these labels cannot tell the two apart" if low <= 0 else ""
    assert audit.sentence == (
        f"By real fits b is the best of 3 networks; the ranking's first, a, is 9.8 points [{low:.1f}, {high:.1f}] below "
        f"(weighted tau {audit.weighted_tau:.2f}){doubt}."
    )


def test_a_ranking_that_is_right_is_said_to_be_right(fitted):
    audit = audited(THREE, [fitted("c", 9), fitted("b", 6), fitted("a", 2)], 0)
    assert (audit.weighted_tau, audit.regret.value) == (1.0, 0.0)
    assert audit.sentence == "Real fits agree with the ranking's first: a is the best of 3 networks fitted (weighted tau 1.00)."


def test_of_equal_accuracies_the_lower_log_loss_is_better(fitted):
    audit = audited(THREE, [fitted("a", 3, margin=1.0), fitted("b", 3, margin=3.0)], 0)
    assert (audit.best, audit.regret.value) == ("b", 0.0)


def test_networks_are_compared_by_what_all_were_fitted_with(fitted):
    logistic = {"method": {"kind": "logistic", "blocks": "stages"}}
    shared = [fitted("a", 5), fitted("b", 4)]
    alone = [fitted("a", 0, input_pixels=224), fitted("a", 0, **logistic), fitted("a", 0, num=7)]
    partner = Partner(pretrained="b", input_pixels=96, method={"kind": "ridge", "blocks": "stages"})
    ensemble = fitted("a", 0, partners=(partner,))
    audit = audited(THREE, [*shared, *alone, ensemble], 0)
    assert audit.best == "b"
    assert [one.fit for one in audit.networks] == ["ridge on stages of a at 96 pixels", "ridge on stages of b at 96 pixels"]


def test_networks_with_input_sides_of_their_own_are_compared_all_the_same(fitted):
    audit = audited(THREE, [fitted("a", 5, input_pixels=64), fitted("b", 4, input_pixels=32), fitted("c", 1)], 0)
    assert [one.name for one in audit.networks] == ["a", "b", "c"]


def test_one_network_alone_is_no_order(fitted):
    assert audited(THREE, [fitted("a", 5), fitted("a", 3, input_pixels=224)], 0) is None
    assert audited(THREE, [], 0) is None


def test_the_weighted_tau_of_values_that_do_not_vary_is_none():
    assert weighted_tau([1.0, 1.0], [1, 2]) is None
    assert weighted_tau([1.0, 2.0], [2, 1]) == -1.0
