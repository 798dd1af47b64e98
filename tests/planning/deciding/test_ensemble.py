"""Which candidates predict together, and how much each counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.core.predictions import Predictions
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated, combined
from headstart.planning.deciding import ensemble
from headstart.planning.deciding.ensemble import Pool, best_ensemble, ensemble_gain, ensemble_of
from headstart.training.settings import Training

NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
RIDGE, KERNEL, TUNED = ({"kind": kind, "blocks": "stages+pixels"} for kind in ("ridge", "kernel_ridge", "lp_ft"))


def candidate(network: str, method: dict[str, str], family: str = "transfer") -> Candidate:
    weights = "pretrained" if family == "transfer" else "none"
    return Candidate(family=family, pretrained=network, weights=weights, input_pixels=96, method=method, training=Training())


def validated(made: Candidate, evidence: np.ndarray, labels: np.ndarray) -> CrossValidated:
    """A candidate with so much evidence for the second class in each row."""
    second = 1 / (1 + np.exp(-evidence))
    probs = np.stack([1 - second, second], axis=1)
    names = tuple(f"{row}.png" for row in range(len(labels)))
    predictions = Predictions(names, ("a", "b"), labels, probs, probs, np.arange(len(labels)))
    temperature = 1.0 if made.method["kind"] == "lp_ft" else None
    return CrossValidated(made, made.result(num_rows=len(labels), num_folds=5), predictions, temperature)


def made(num: int = 401, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, what speaks for them, and noise of four observers."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, num)
    return labels, 2.0 * labels - 1, 1.5 * draw.normal(size=(4, num))


def test_few_rows_leave_the_mean_of_the_default_head_on_all_networks():
    labels, truth, noise = made(11)
    tried = [validated(candidate(name, RIDGE), truth + noise[place], labels) for place, name in enumerate(NETWORKS)]
    tried.append(validated(candidate(NETWORKS[0], KERNEL), truth + noise[3] / 2 + 0.1, labels))
    choice = Pool.of(tried).chosen(3)
    assert sorted(choice.places) == [0, 1, 2]
    assert choice.shares == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.05)


@pytest.mark.parametrize(("mistaken", "members"), [(0.8, 3), (0.3, 4)])
def test_what_is_trained_is_a_member_only_where_it_counts_for_its_cost(mistaken, members):
    labels, truth, noise = made(401)
    tried = [validated(candidate(name, RIDGE), truth + noise[place], labels) for place, name in enumerate(NETWORKS)]
    tried.append(validated(candidate(NETWORKS[0], TUNED), mistaken * 3 * noise[3] + (1 - mistaken) * truth, labels))
    weights = Pool.of(tried)._weights(np.arange(4), None)
    assert weights[3] > ensemble.SMALLEST_SHARE
    assert len(Pool.of(tried).chosen(5).places) == members


@pytest.mark.parametrize("most", [2, 3, 5])
def test_few_of_many_networks_are_as_sure_as_all_of_them(most):
    labels, truth, noise = made(11)
    networks = [candidate(name, RIDGE).model_copy(update={"input_pixels": side}) for side in (64, 96, 128) for name in NETWORKS]
    tried = [validated(one, truth + noise[place % 4] + place / 99, labels) for place, one in enumerate(networks)]
    assert sum(Pool.of(tried).chosen(most).shares) == pytest.approx(1, abs=0.05)


def test_without_the_default_head_among_them_members_are_expected_to_count_alike():
    labels, truth, noise = made(11)
    tried = [validated(candidate(name, KERNEL), truth + noise[place], labels) for place, name in enumerate(NETWORKS)]
    pool = Pool.of([*tried, validated(candidate(NETWORKS[0], RIDGE), truth, labels)])
    assert pool._weights(np.array([0, 1, 2]), None) == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.05)


def test_where_the_default_head_was_not_fitted_no_label_has_a_say_in_what_is_expected():
    labels, truth, noise = made(11)
    tried = [validated(candidate(name, KERNEL), truth + place * noise[place], labels) for place, name in enumerate(NETWORKS)]
    assert Pool.of(tried).prior.mean.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert sorted(Pool.of(tried).chosen(3).places) == [0, 1, 2]


@pytest.mark.parametrize("num_heads", [33, 34, 60])
def test_of_very_many_heads_that_are_expected_to_count_alike_the_first_are_members(num_heads):
    labels, truth, noise = made(11)
    heads = [candidate(NETWORKS[0], RIDGE).model_copy(update={"input_pixels": 64 + place}) for place in range(num_heads)]
    tried = [validated(one, truth + noise[place % 4] + place / 999, labels) for place, one in enumerate(heads)]
    choice = Pool.of(tried).chosen(5)
    assert len(choice.places) == 5
    assert choice.shares == pytest.approx([0.2] * 5, abs=0.05)


def test_many_rows_weigh_what_helps_and_drop_what_misleads():
    labels, truth, noise = made(4001)
    tried = [validated(candidate(name, RIDGE), truth + noise[place], labels) for place, name in enumerate(NETWORKS[:2])]
    tried.append(validated(candidate(NETWORKS[2], RIDGE), 2 * noise[2], labels))
    tried.append(validated(candidate("pixels", KERNEL, "baseline"), truth + noise[3], labels))
    choice = Pool.of(tried).chosen(6)
    assert sorted(choice.places) == [0, 1, 3]


def test_members_are_bounded_and_one_is_the_best_alone():
    labels, truth, noise = made()
    tried = [
        validated(candidate(name, RIDGE), truth + noise[place] * (1 + place / 9), labels) for place, name in enumerate(NETWORKS)
    ]
    pool = Pool.of(tried)
    assert len(pool.chosen(2).places) == 2
    assert pool.chosen(1) == ((0,), (1.0,))
    assert ensemble_of(pool, 1) is None


def test_row_weights_are_as_repeated_rows():
    labels, truth, noise = made(97)
    tried = [validated(candidate(name, RIDGE), truth + noise[place], labels) for place, name in enumerate(NETWORKS)]
    pool = Pool.of(tried)
    counts = np.bincount(np.random.default_rng(5).integers(0, 97, 97), minlength=97)
    rows = np.repeat(np.arange(97), counts)
    repeated = Pool(pool.candidates, pool.logs[:, rows], labels[rows], pool.prior)
    assert pool.chosen(6, counts).shares == pytest.approx(repeated.chosen(6).shares, abs=1e-4)


def test_what_lacks_rows_is_no_member_of_a_pool():
    labels, truth, noise = made()
    whole = validated(candidate(NETWORKS[0], RIDGE), truth + noise[0], labels)
    part = validated(candidate(NETWORKS[1], RIDGE), (truth + noise[1])[:200], labels[:200])
    assert Pool.of([part, whole]).candidates == (whole,)
    assert Pool.of([], ("transfer",)) is None


def test_a_method_that_keeps_the_network_it_starts_from_costs_that_too_which_folds_and_heads_share():
    labels, truth, noise = made(2003)
    residual = {"kind": "residual", "blocks": "stages+pixels"}
    methods = ((NETWORKS[0], residual), (NETWORKS[0], RIDGE), (NETWORKS[1], RIDGE))
    tried = [validated(candidate(*one), truth + noise[place], labels) for place, one in enumerate(methods)]
    tried[0] = replace(tried[0], temperature=1.0)
    own, other = (ensemble.cost_of(one.candidate) for one in tried[1:])
    assert ensemble.cost_of(tried[0].candidate) == 2 * own
    for members, cost in (((0, 1, 2), 6 * own + other), ((0, 2), 6 * own + other)):
        found = combined([tried[place] for place in members])
        gain = ensemble_gain(found, [*tried, found], 0, tried[2])
        assert gain.relative_cost == pytest.approx(cost / other)
        assert gain.megabytes == pytest.approx(4e-6 * (6 * own + other) / 96**2)


def test_trained_members_come_first_then_the_default_head_and_the_cost_counts_each_pass_once():
    labels, truth, noise = made(2003)
    methods = ((NETWORKS[0], KERNEL), (NETWORKS[0], RIDGE), (NETWORKS[1], RIDGE), (NETWORKS[0], TUNED))
    tried = [validated(candidate(*one), truth + noise[place], labels) for place, one in enumerate(methods)]
    found = ensemble_of(Pool.of(tried), 6)
    assert [member.method["kind"] for member in found.candidate.members] == ["lp_ft", "ridge", "ridge", "kernel_ridge"]
    gain = ensemble_gain(found, [*tried, found], 0)
    assert gain.comparison.accuracy_gain.value > 0
    sizes = [ensemble.cost_of(candidate(name, RIDGE)) for name in NETWORKS[:2]]
    alone = {one.result.name: ensemble.cost_of(one.candidate) for one in tried}[gain.comparison.worse]
    assert gain.relative_cost == pytest.approx((6 * sizes[0] + sizes[1]) / alone)  # of what is trained, the models of five folds
    assert gain.sentence.startswith("4 models predict together: ")
    assert ensemble_gain(tried[0], tried, 0) is None


def test_members_on_all_rows_come_before_those_on_some_and_keep_all_rows():
    labels, truth, noise = made()
    some = candidate(NETWORKS[0], RIDGE).model_copy(update={"max_rows": 40})
    tried = [
        validated(some, truth + noise[0], labels),
        validated(candidate("pixels", RIDGE, "baseline"), truth + noise[1], labels),
    ]
    found = ensemble_of(Pool.of(tried), 2)
    assert [(one.pretrained, one.max_rows) for one in found.candidate.members] == [("pixels", None), (NETWORKS[0], 40)]


def test_no_more_models_of_folds_predict_than_each_trained_member_has():
    labels, truth, noise = made()
    sure = validated(candidate("small_cnn", TUNED, "scratch"), truth + noise[0], labels)
    part = validated(candidate(NETWORKS[0], TUNED), truth + noise[1], labels)
    found = combined([sure, replace(part, result=part.result.model_copy(update={"num_folds": 2}))])
    assert (found.result.num_folds, found.calibration["fold_models"]) == (2, 2)
    assert [partner.fold_models for partner in found.calibration["partners"]] == [2]


def test_what_another_side_predicted_in_part_leaves_an_ensemble_all_rows():
    labels, truth, noise = made(1201)
    misled = np.where(np.arange(1201) < 400, truth + noise[1], -2 * truth)
    tried = [
        validated(candidate(NETWORKS[0], RIDGE), truth + noise[0], labels),
        validated(candidate(NETWORKS[1], KERNEL), misled, labels),
    ]
    part = validated(candidate("small_cnn", TUNED, "scratch"), (truth + noise[2])[:400], labels[:400])
    assert best_ensemble(tried, 5, ("transfer",)) is None
    assert best_ensemble([*tried, part], 5, ("transfer",)) is None


def test_equal_models_gain_nothing_by_predicting_together():
    labels, truth, noise = made()
    tried = [validated(candidate(name, RIDGE), truth + noise[0], labels) for name in NETWORKS]
    found = ensemble_of(Pool.of(tried), 6)
    if found is not None:
        np.testing.assert_array_equal(found.predictions.predicted, tried[0].predictions.predicted)
