from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.covariance import ledoit_wolf

from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.shift.moments import Moments, coral_matrix, moments_of, monge_matrix, power_of, transported


def rows(num: int, width: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(num, width)) @ draw.normal(size=(width, width)) + draw.normal(size=width) * 3


@pytest.mark.parametrize("matrix_of", [coral_matrix, monge_matrix])
@pytest.mark.parametrize("width", [1, 5])
def test_moved_rows_have_the_target_s_moments(matrix_of, width):
    source, target = rows(101, width, 1), rows(67, width, 2)
    one, other = moments_of(source, shrunk=False), moments_of(target, shrunk=False)
    moved = moments_of(transported(source, one, other, matrix_of(one.covariance, other.covariance)), shrunk=False)
    np.testing.assert_allclose(moved.mean, other.mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(moved.covariance, other.covariance, rtol=1e-10, atol=1e-10)


def test_the_monge_matrix_is_symmetric_positive_and_moves_rows_less_than_coral():
    source, target = rows(101, 5, 1), rows(67, 5, 2)
    one, other = moments_of(source, shrunk=False), moments_of(target, shrunk=False)
    monge, coral = (matrix_of(one.covariance, other.covariance) for matrix_of in (monge_matrix, coral_matrix))
    np.testing.assert_array_equal(monge, monge.T)
    assert np.linalg.eigvalsh(monge).min() > 0
    moved = [((transported(source, one, other, matrix) - source) ** 2).sum() for matrix in (monge, coral)]
    assert moved[0] < moved[1]


def test_matrices_equal_those_of_matrix_square_roots():
    one, other = moments_of(rows(31, 3, 1), shrunk=False).covariance, moments_of(rows(29, 3, 2), shrunk=False).covariance
    root = np.real(sqrtm(one))
    inverse = np.linalg.inv(root)
    np.testing.assert_allclose(coral_matrix(one, other), inverse @ np.real(sqrtm(other)), rtol=1e-8)
    expected = inverse @ np.real(sqrtm(root @ other @ root)) @ inverse
    np.testing.assert_allclose(monge_matrix(one, other), expected, rtol=1e-8)


def test_the_monge_map_is_that_of_pot():
    gaussian = pytest.importorskip("ot.gaussian")
    source, target = rows(101, 3, 1), rows(67, 3, 2)
    one, other = moments_of(source, shrunk=False), moments_of(target, shrunk=False)
    matrix, _ = gaussian.empirical_bures_wasserstein_mapping(source, target, reg=0)
    ratio = np.sqrt((67 / 66) / (101 / 100))  # POT divides by one row less
    found = monge_matrix(one.covariance, other.covariance)
    assert min(np.abs(found * scale - matrix).max() for scale in (1.0, ratio)) < 1e-8


def test_the_mean_is_weighted_by_nothing_and_shrinkage_is_that_of_scikit_learn():
    given = rows(23, 7, 4)
    found = moments_of(given)
    np.testing.assert_allclose(found.mean, given.mean(axis=0))
    np.testing.assert_allclose(found.covariance, ledoit_wolf(given)[0], rtol=1e-8)


def test_directions_without_variance_stay_finite():
    flat, round_ = np.diag([4.0, 0.0]), np.diag([1.0, 9.0])
    assert np.isfinite(coral_matrix(flat, round_)).all()
    assert power_of(flat, -0.5).max() < 1e6
    np.testing.assert_allclose(monge_matrix(np.diag([4.0, 1.0]), round_), np.diag([0.5, 3.0]))
    np.testing.assert_allclose(power_of(np.diag([4.0, 9.0]), 0.5), np.diag([2.0, 3.0]))


def test_transported_by_hand():
    moved = transported(
        np.array([[1.0, 2.0]]), Moments(np.array([1.0, 1.0]), np.eye(2)), Moments(np.array([5.0, 6.0]), np.eye(2)), 3 * np.eye(2)
    )
    assert moved.tolist() == [[5.0, 9.0]]


def test_a_planted_affine_shift_is_undone_by_the_monge_map(planted):
    one, other = moments_of(planted.source), moments_of(planted.target)
    moved = transported(planted.source, one, other, monge_matrix(one.covariance, other.covariance))
    before, after = (
        (
            fit_kernel_ridge(rows, planted.labels, 5, width=0.0).scores(planted.target).argmax(axis=1) == planted.target_labels
        ).mean()
        for rows in (planted.source, moved)
    )
    assert before < 0.6
    assert after >= 0.95


def test_recolored_rows_are_those_of_skada(planted):
    mapping = pytest.importorskip("skada._mapping")
    source, target = planted.source, planted.target
    one, other = moments_of(source, shrunk=False), moments_of(target, shrunk=False)
    ours = (source - one.mean) @ coral_matrix(one.covariance, other.covariance)
    both, domain = np.concatenate([source - one.mean, target - other.mean]), np.repeat([1, -2], [len(source), len(target)])
    theirs = mapping.CORALAdapter(reg=0.0).fit_transform(both, sample_domain=domain)
    ratio = np.sqrt((len(target) - 1) / len(target) / ((len(source) - 1) / len(source)))
    gaps = [np.abs(ours * scale - theirs[domain > 0]).max() for scale in (1.0, ratio, 1.0 / ratio)]
    assert min(gaps) < 1e-6
