"""Rank aggregation: ranks, ties, baselines, and saying that nothing can be told apart."""

import numpy as np
import pytest

from headstart.features.feature_set import FeatureSet
from headstart.planning.ranking.rank import scores_of
from headstart.planning.ranking.rank_aggregation import CandidateScores, aggregate, half_samples

LABELS = np.arange(40) % 2
BASELINES = frozenset({"random", "pixels"})


def seen(signal, seed, labels=LABELS, widths=(7, 11)):
    generator = np.random.default_rng(seed)
    stages = []
    for width in widths:
        stage = generator.normal(size=(len(labels), width))
        stage[:, 0] += signal * labels
        stages.append(stage.astype(np.float32))
    return FeatureSet(tuple(stages), None, None, tuple(str(width) for width in widths))


def evidence(signal, seed, labels=LABELS):
    return scores_of(seen(signal, seed, labels), labels, half_samples(labels, 0))


def made(logme, knn, ridge, num_correct=40):
    generator = np.random.default_rng(0)
    noise = generator.normal(size=40) * 0.01
    noise -= noise.mean()
    return CandidateScores(
        scores={"logme": logme, "knn": knn, "ridge_loo": ridge, "leep": None},
        by_row={"knn": tuple(knn + noise), "ridge_loo": tuple(ridge - noise)},
        by_draw={"logme": tuple(logme + generator.normal(size=24) * 0.001)},
        num_correct=num_correct,
        seconds=0.0,
    )


def test_rank_is_the_mean_rank_of_the_ranking_scores():
    verdict = aggregate(
        {"x": made(-0.1, 0.9, -0.5), "y": made(-0.2, 0.7, -0.3), "z": made(-0.3, 0.8, -0.7)}, half_samples(LABELS, 0), 0.5
    )
    assert verdict.ranks == pytest.approx({"x": 4 / 3, "y": 2, "z": 8 / 3})
    assert verdict.order == ("x", "y", "z")


def test_a_clear_leader_is_distinguishable():
    halves = half_samples(LABELS, 0)
    verdict = aggregate({"x": made(-0.1, 0.9, -0.3), "y": made(-0.9, 0.5, -0.7)}, halves, 0.5, prior="y")
    assert verdict.distinguishable
    assert verdict.first_probability == {"x": 1.0, "y": 0.0}
    assert verdict.shortlist == ("x", "y")
    assert verdict.sentence == "x ranks first in 100% of the resamples of 40 labeled images."


def test_the_same_model_twice_is_not_distinguishable():
    one = evidence(6.0, 0)
    verdict = aggregate({"copy": one, "model": one, "pixels": evidence(0, 1)}, half_samples(LABELS, 0), 0.5, BASELINES)
    assert verdict.first_probability["copy"] == verdict.first_probability["model"] == 0.5
    assert verdict.ranks["copy"] == verdict.ranks["model"] == 1.5
    assert verdict.shortlist == ("copy", "model")
    assert not verdict.distinguishable
    assert verdict.sentence == "40 labeled images cannot tell copy and model apart; real fits must decide."


@pytest.mark.slow
def test_two_models_of_equal_worth_have_a_false_winner_in_few_repetitions():
    halves = half_samples(LABELS, 0)
    winners = sum(
        aggregate({"one": evidence(2.0, 2 * seed), "two": evidence(2.0, 2 * seed + 1)}, halves, 0.5).distinguishable
        for seed in range(12)
    )
    assert winners <= 3


def test_a_baseline_in_the_set_is_no_evidence():
    one = made(-0.1, 0.9, -0.3)
    verdict = aggregate({"x": one, "pixels": one}, half_samples(LABELS, 0), 0.5, BASELINES)
    assert not verdict.distinguishable
    assert verdict.shortlist == ("x",)
    assert verdict.sentence == (
        "No evidence of useful transfer: on 40 labeled images the best candidate is not told apart from pixels, which carries no "
        "knowledge."
    )


def test_a_leading_baseline_leaves_the_best_candidate_and_the_best_by_prior():
    evidence = {"x": made(-0.5, 0.6, -0.5), "y": made(-0.6, 0.55, -0.6), "pixels": made(-0.1, 0.9, -0.1)}
    verdict = aggregate(evidence, half_samples(LABELS, 0), 0.5, BASELINES, "y")
    assert not verdict.distinguishable
    assert verdict.shortlist == ("x", "y")


def test_no_better_than_chance_is_no_evidence():
    verdict = aggregate({"x": made(-0.1, 0.9, -0.3, num_correct=22)}, half_samples(LABELS, 0), 0.5)
    assert not verdict.distinguishable
    assert verdict.sentence == (
        "No evidence of useful transfer: on 40 labeled images the best candidate is not told apart from chance."
    )


def test_shortlist_holds_three_with_the_best_by_prior_among_them():
    one = made(-0.1, 0.9, -0.3)
    evidence = {"a": one, "b": one, "c": one, "d": one, "e": made(-0.9, 0.4, -0.9)}
    verdict = aggregate(evidence, half_samples(LABELS, 0), 0.5, prior="e")
    assert verdict.shortlist == ("a", "b", "e")


@pytest.mark.slow
def test_labels_that_are_noise_are_indistinguishable():
    halves = half_samples(LABELS, 0)
    told_apart = 0
    for seed in range(50):
        names = ("one", "two", "three", "random", "pixels")
        found = {name: evidence(0.0, 10 * seed + index) for index, name in enumerate(names)}
        told_apart += aggregate(found, halves, 0.5, BASELINES).distinguishable
    assert told_apart <= 5


def test_half_the_rows_favoring_another_does_not_move_the_leader():
    lowered = made(-0.1, 0.9, -0.3)
    lowered = lowered.model_copy(update={"by_draw": {"logme": tuple(value - 1 for value in lowered.by_draw["logme"])}})
    verdict = aggregate({"x": lowered, "y": made(-0.2, 0.9, -0.3)}, half_samples(LABELS, 0), 0.5)
    assert verdict.first_probability["x"] == 1.0


def test_halves_hold_half_of_each_class():
    labels = np.repeat([0, 1, 2], [10, 7, 1])
    halves = half_samples(labels, 0, 400)
    assert set(halves[:, :10].sum(axis=1)) == {5}
    assert set(halves[:, 10:17].sum(axis=1)) == {3, 4}
    assert set(halves[:, 17].astype(int)) == {0, 1}
    np.testing.assert_allclose(halves.mean(axis=0), 0.5, atol=0.1)


def test_the_mean_of_a_half_varies_as_the_mean_of_all_rows_does():
    values = np.random.default_rng(0).normal(size=200)
    halves = half_samples(np.zeros(200, np.int64), 0, 4000)
    means = halves @ values / halves.sum(axis=1)
    assert means.std() == pytest.approx(values.std() / np.sqrt(200), rel=0.05)


def test_evidence_can_be_written_and_read():
    one = evidence(1.0, 0, np.repeat([0, 1], [3, 1]))
    again = CandidateScores.from_json(one.to_json())
    np.testing.assert_array_equal(again.by_draw["logme"], one.by_draw["logme"])
    assert (again.scores, again.by_row) == (one.scores, one.by_row)


def test_evidence_of_the_first_format_is_read():
    one = made(-0.1, 0.9, -0.3)
    old = {
        "scores": one.scores,
        "hits": one.by_row["knn"],
        "losses": [-value for value in one.by_row["ridge_loo"]],
        "num_correct": 40,
        "logme_draws": one.by_draw["logme"],
        "seconds": 0.0,
    }
    assert CandidateScores.from_dict(old) == one
