"""Ridge: the fixture, explicit refits, dual against primal, weights, groups and samples of rows."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.core import rows as rows_module
from headstart.core.errors import DataError
from headstart.core.rows import LazyRows
from headstart.heads import leave_group_out
from headstart.heads import ridge_leave_one_out as ridge
from headstart.heads.class_statistics import one_hot
from headstart.heads.ridge_leave_one_out import fit_ridge, loo_sample, ridge_path

FIXTURE = np.array([[2, 0], [1, 1], [2, 1], [0, 2], [-1, 1], [0, 1]], float)
FIXTURE_LABELS = np.array([0, 0, 0, 1, 1, 1])


def problem(num, width, num_classes, seed=0, offset=3.0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, num)
    labels[:num_classes] = np.arange(num_classes)
    features = generator.normal(size=(num, width)) + offset
    features[np.arange(num), labels] += 1.5
    return features, labels


def refit_without(features, targets, penalty, row, weights):
    kept = np.arange(len(features)) != row
    share = weights[kept] / weights[kept].sum()
    mean, target_mean = share @ features[kept], share @ targets[kept]
    roots = np.sqrt(weights[kept])[:, None]
    rows, aims = roots * (features[kept] - mean), roots * (targets[kept] - target_mean)
    solution = np.linalg.solve(rows.T @ rows + penalty * np.eye(features.shape[1]), rows.T @ aims)
    return (features[row] - mean) @ solution + target_mean


def test_leave_one_out_scores_of_the_fixture():
    path = ridge_path(FIXTURE, 2 * one_hot(FIXTURE_LABELS, 2) - 1, np.array([1.0]))
    expected = [-1.254545, -0.048544, -0.808219, 0.333333, 1.254545, 0.278351]
    np.testing.assert_allclose(path.loo_scores[0][:, 1], expected, atol=5e-7)


@pytest.mark.parametrize(("num", "width"), [(50, 200), (53, 7)])
@pytest.mark.parametrize("weighted", [False, True])
def test_leave_one_out_scores_equal_explicit_refits(num, width, weighted):
    features, labels = problem(num, width, 3)
    targets = 2 * one_hot(labels, 3) - 1
    weights = np.random.default_rng(1).uniform(0.2, 4.0, num) if weighted else np.ones(num)
    weights = weights * num / weights.sum()
    penalties = np.array([0.7, 31.0, 900.0])
    path = ridge_path(features, targets, penalties, weights if weighted else None)
    for index, penalty in enumerate(penalties):
        expected = np.stack([refit_without(features, targets, penalty, row, weights) for row in range(num)])
        np.testing.assert_allclose(path.loo_scores[index], expected, atol=1e-12)


def test_integer_weights_equal_repeated_rows():
    features, labels = problem(23, 5, 2)
    repeats = np.random.default_rng(2).integers(1, 4, 23)
    targets = 2 * one_hot(labels, 2) - 1
    scale = repeats.sum() / 23
    weighted = ridge_path(features, targets, np.array([2.0 / scale]), repeats.astype(float))
    repeated = ridge_path(np.repeat(features, repeats, axis=0), np.repeat(targets, repeats, axis=0), np.array([2.0]))
    np.testing.assert_allclose(weighted.weights, repeated.weights, atol=1e-10)
    np.testing.assert_allclose(weighted.biases, repeated.biases, atol=1e-10)


@pytest.mark.parametrize(("num", "width"), [(41, 59), (59, 41), (43, 43)])
def test_dual_equals_primal(num, width):
    features, labels = problem(num, width, 3)
    made = ridge._problem(features, 2 * one_hot(labels, 3) - 1, None)
    groups = np.arange(num) // 3
    dual, primal = (
        ridge._dual(made, None, np.arange(num), groups),
        ridge._primal(made, None, np.arange(num), groups),
    )
    for name in ("penalties", "loo_scores", "weights", "biases"):
        np.testing.assert_allclose(getattr(dual, name), getattr(primal, name), atol=1e-8, rtol=1e-8)


def test_chunks_in_single_precision_agree_with_one_exact_block(monkeypatch):
    features, labels = problem(211, 17, 3)
    exact = fit_ridge(features, labels, 3)
    monkeypatch.setattr(ridge, "EXACT_SIDE", 16)
    monkeypatch.setattr(ridge, "CHUNK_ROWS", 29)
    coarse = fit_ridge(features.astype(np.float32), labels, 3)
    np.testing.assert_allclose(coarse.loo_scores, exact.loo_scores, atol=2e-4)
    np.testing.assert_allclose(coarse.weight, exact.weight, atol=2e-4)
    assert coarse.penalty == pytest.approx(exact.penalty, rel=1e-5)


def test_memory_mapped_rows_give_the_same_fit(tmp_path):
    features, labels = problem(67, 11, 2)
    np.save(tmp_path / "rows.npy", features)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    np.testing.assert_array_equal(fit_ridge(mapped, labels, 2).weight, fit_ridge(features, labels, 2).weight)


def test_fit_scores_are_features_times_weight_plus_bias_and_beat_chance():
    features, labels = problem(151, 13, 3)
    fit = fit_ridge(features, labels, 3)
    assert (np.argmax(features @ fit.weight + fit.bias, axis=1) == labels).mean() > 0.6
    assert fit.losses[list(fit.penalties).index(fit.penalty)] == min(fit.losses)
    assert len(fit.penalties) == 9
    assert fit.temperature < 1


def test_a_class_without_rows_scores_lowest_everywhere():
    features, labels = problem(29, 5, 2)
    fit = fit_ridge(features, 2 * labels, 4)
    scores = features @ fit.weight + fit.bias
    np.testing.assert_allclose(scores[:, [1, 3]], -1, atol=1e-9)


def test_class_balancing_weights_raise_the_rare_class():
    features, labels = problem(97, 7, 2)
    labels = (np.arange(97) < 11).astype(np.int64)
    features[:11, 0] += 1
    weights = np.where(labels == 1, 86 / 11, 1.0)
    plain, balanced = fit_ridge(features, labels, 2), fit_ridge(features, labels, 2, weights)
    found = [(np.argmax(features @ fit.weight + fit.bias, axis=1) == 1).sum() for fit in (plain, balanced)]
    assert found[1] > found[0]


@settings(max_examples=25, deadline=None)
@given(num=st.integers(1, 9), width=st.integers(1, 11), seed=st.integers(0, 99), flat=st.booleans())
def test_tiny_and_constant_features_give_finite_numbers(num, width, seed, flat):
    features, _ = problem(max(num, 2), max(width, 2), 2, seed)
    features = np.ones((num, width)) if flat else features[:num, :width]
    labels = np.arange(num) % 2
    fit = fit_ridge(features, labels, 2)
    assert np.isfinite(fit.loo_scores).all()
    assert np.isfinite(fit.weight).all()
    assert np.isfinite(fit.temperature)


def test_weights_of_zero_are_refused():
    features, labels = problem(5, 3, 2)
    with pytest.raises(DataError) as caught:
        fit_ridge(features, labels, 2, np.array([1.0, 1, 0, 1, 1]))
    assert str(caught.value) == "The smallest sample weight is 0; weights must be above zero. Leave such rows out instead."


def test_no_rows_are_refused():
    with pytest.raises(DataError) as caught:
        fit_ridge(np.empty((0, 3)), np.empty(0, np.int64), 2)
    assert str(caught.value) == "Ridge regression met 0 rows and needs at least 1. Give labeled rows."


@pytest.mark.slow
def test_five_hundred_rows_of_two_thousand_features_take_no_more_than_a_moment():
    features, labels = problem(500, 2048, 10)
    rows = features.astype(np.float32)
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        fit_ridge(rows, labels, 10)
        seconds.append(time.process_time() - begun)
    assert min(seconds) <= 2.0  # 0.3 on a quiet machine


@pytest.mark.parametrize("shape", [(23, 41), (53, 7)])
@pytest.mark.parametrize("weighted", [False, True])
def test_leave_group_out_scores_equal_refits_without_the_group(shape: tuple[int, int], weighted: bool) -> None:
    generator = np.random.default_rng(5)
    num, width = shape
    features = generator.normal(size=shape) + 3.0
    targets = generator.normal(size=(num, 3)) - 1.0
    groups = generator.integers(0, num // 3, num)
    weights = generator.uniform(0.5, 2.0, num) if weighted else None
    penalties = np.array([0.3, 7.0])
    path = ridge_path(features, targets, penalties, weights, groups)
    scale = np.ones(num) if weights is None else weights * num / weights.sum()
    for index, penalty in enumerate(penalties):
        for group in np.unique(groups):
            keep, out = groups != group, groups == group
            mass = scale[keep] / scale[keep].sum()
            mean, middle = mass @ features[keep], mass @ targets[keep]
            centered = features[keep] - mean
            gram = centered.T @ (scale[keep, None] * centered) + penalty * np.eye(width)
            weight = np.linalg.solve(gram, centered.T @ (scale[keep, None] * (targets[keep] - middle)))
            expected = (features[out] - mean) @ weight + middle
            np.testing.assert_allclose(path.loo_scores[index][out], expected, rtol=1e-5, atol=1e-6)


def test_groups_of_one_row_change_nothing() -> None:
    generator = np.random.default_rng(7)
    features, targets = generator.normal(size=(19, 29)), generator.normal(size=(19, 2))
    alone = ridge_path(features, targets)
    grouped = ridge_path(features, targets, groups=generator.permutation(19))
    np.testing.assert_array_equal(alone.loo_scores, grouped.loo_scores)


@pytest.mark.parametrize(("num", "width"), [(67, 11), (11, 67)])
def test_rows_made_when_read_give_the_same_fit(num, width):
    features, labels = problem(num, width, 3)
    lazy = LazyRows(features.shape, lambda part: features[part], features.dtype)
    made, expected = fit_ridge(lazy, labels, 3), fit_ridge(features, labels, 3)
    np.testing.assert_allclose(made.weight, expected.weight, atol=1e-12)
    np.testing.assert_allclose(made.loo_scores, expected.loo_scores, atol=1e-12)


def test_a_large_memory_map_of_halves_gives_the_fit_of_their_values(tmp_path, monkeypatch):
    features, labels = problem(67, 11, 2)
    np.save(tmp_path / "rows.npy", features.astype(np.float16))
    expected = fit_ridge(features.astype(np.float16), labels, 2)
    monkeypatch.setattr(rows_module, "IN_MEMORY_BYTES", 0)
    made = fit_ridge(np.load(tmp_path / "rows.npy", mmap_mode="r"), labels, 2)
    np.testing.assert_array_equal(made.weight, expected.weight)


def test_few_rows_all_have_scores_and_of_many_a_sample():
    np.testing.assert_array_equal(loo_sample(50_000, 10, None), np.arange(50_000))
    sample = loo_sample(200_003, 10, None)
    assert len(sample) in (49_999, 50_000)
    assert (np.diff(sample) > 0).all()
    assert abs(sample.mean() / 200_003 - 0.5) < 0.01
    assert len(loo_sample(200_003, 1_000, None)) <= 11_111


def test_a_sample_takes_groups_whole_unless_one_is_larger(monkeypatch):
    monkeypatch.setattr(ridge, "MOST_LOO_ROWS", 53)
    groups = np.random.default_rng(0).integers(0, 40, 211)
    sample = loo_sample(211, 2, groups)
    assert 40 < len(sample) <= 53
    assert set(groups[sample]).isdisjoint(np.delete(groups, sample))
    assert len(loo_sample(211, 2, np.zeros(211, np.int64))) == 53


@pytest.mark.parametrize(("num", "width"), [(97, 7), (31, 59)])
@pytest.mark.parametrize("grouped", [False, True])
def test_scored_rows_have_the_scores_that_they_have_among_all(num, width, grouped):
    features, labels = problem(num, width, 3)
    groups = np.arange(num) // 3 if grouped else None
    targets = 2 * one_hot(labels, 3) - 1
    chosen = np.arange(num)[np.arange(num) // 3 % 2 == 0]
    every, some = ridge_path(features, targets, None, None, groups), ridge_path(features, targets, None, None, groups, chosen)
    np.testing.assert_allclose(some.loo_scores, every.loo_scores[:, chosen], atol=1e-9)
    np.testing.assert_array_equal(some.weights, every.weights)


def test_a_sample_chooses_as_all_rows_do(monkeypatch):
    features, labels = problem(1009, 13, 3)
    every = fit_ridge(features, labels, 3)
    monkeypatch.setattr(ridge, "MOST_LOO_ROWS", 307)
    some = fit_ridge(features, labels, 3)
    assert some.loo_scores.shape == (len(some.loo_rows), 3)
    np.testing.assert_allclose(some.losses, every.losses, rtol=0.1)
    assert every.losses[int(np.argmin(some.losses))] - min(every.losses) < 0.01


@pytest.mark.parametrize(("num", "width"), [(41, 59), (59, 17)])
@pytest.mark.parametrize(("paired", "columns"), [(1, 256), (8, 1), (8, 7)])
def test_products_of_all_penalties_at_once_equal_one_a_penalty(monkeypatch, num, width, paired, columns):
    features, labels = problem(num, width, 3)
    targets, groups = 2 * one_hot(labels, 3) - 1, np.random.default_rng(3).integers(0, num // 3, num)
    weights = np.random.default_rng(1).uniform(0.2, 4.0, num)
    expected = ridge_path(features, targets, None, weights, groups)
    monkeypatch.setattr(leave_group_out, "MOST_PAIRED", paired)
    monkeypatch.setattr(leave_group_out, "STACKED_COLUMNS", columns)
    np.testing.assert_allclose(
        ridge_path(features, targets, None, weights, groups).loo_scores, expected.loo_scores, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(("num", "width"), [(41, 59), (59, 17)])
def test_the_solution_at_one_penalty_is_that_of_the_whole_path(num, width):
    features, labels = problem(num, width, 3)
    path = ridge_path(features, 2 * one_hot(labels, 3) - 1)
    for place, (weight, bias) in enumerate(map(path.solution, range(9))):
        np.testing.assert_array_equal(weight, path.weights[place])
        np.testing.assert_allclose(bias, path.biases[place], atol=1e-13)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), wide=st.booleans())
def test_the_order_of_rows_does_not_matter(seed, wide):
    features, labels = problem(31, 47 if wide else 11, 3, seed)
    generator = np.random.default_rng(seed)
    groups, weights, order = generator.integers(0, 13, 31), generator.uniform(0.3, 3.0, 31), generator.permutation(31)
    plain = fit_ridge(features, labels, 3, weights, groups)
    moved = fit_ridge(features[order], labels[order], 3, weights[order], groups[order])
    assert moved.penalty == pytest.approx(plain.penalty, rel=1e-9)
    np.testing.assert_allclose(moved.loo_scores, plain.loo_scores[order], atol=1e-6)
    np.testing.assert_allclose(moved.weight, plain.weight, atol=1e-7)


@pytest.mark.parametrize("rows_a_picture", [2, 3, 5, 8])
def test_parts_of_a_large_group_keep_a_picture_and_its_views_together(rows_a_picture: int) -> None:
    pictures = np.repeat(np.arange(400), rows_a_picture)
    for part in leave_group_out.blocks_of_groups(np.zeros(len(pictures), np.int64)):
        for rows in part:
            counts = np.unique(pictures[rows], return_counts=True)[1]
            assert (counts == rows_a_picture).all()
