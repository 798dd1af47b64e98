from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.linear_model import Ridge

from headstart.core.errors import DataError
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.heads.ridge_statistics import RidgeStatistics, load_statistics, save_statistics, solution_of


def made(num: int, width: int, num_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unbalanced classes, centers away from zero."""
    draw = np.random.default_rng(seed)
    labels = np.sort(draw.integers(0, num_classes, num) * draw.integers(0, 2, num)).astype(np.int64)
    labels[:num_classes] = np.arange(num_classes)
    rows = draw.normal(size=(num, width)) + 3 + draw.normal(size=(num_classes, width))[labels]
    return rows.astype(np.float32), labels


@pytest.mark.parametrize(("num", "width"), [(61, 7), (13, 29)])
def test_the_solution_is_that_of_scikit_learn_at_its_penalty(num: int, width: int) -> None:
    rows, labels = made(num, width)
    statistics = RidgeStatistics.fitted(rows, labels, 3, np.arange(num))
    weight, bias = statistics.solution()
    targets = 2.0 * np.eye(3)[labels] - 1
    oracle = Ridge(alpha=statistics.share * statistics.mean_eigenvalue).fit(rows.astype(np.float64), targets)
    np.testing.assert_allclose(weight, oracle.coef_.T, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(bias, oracle.intercept_, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("num", "width"), [(61, 7), (13, 29)])
def test_it_is_the_ridge_head_that_leave_one_out_chooses(num: int, width: int) -> None:
    rows, labels = made(num, width)
    statistics, fit = RidgeStatistics.fitted(rows, labels, 3, np.arange(num)), fit_ridge(rows, labels, 3)
    assert statistics.share * statistics.mean_eigenvalue == pytest.approx(fit.penalty, rel=1e-9)
    assert statistics.temperature == fit.temperature
    np.testing.assert_allclose(statistics.solution()[0], fit.weight, rtol=1e-4, atol=1e-8)


def test_rows_of_a_new_class_added_later_give_the_solution_of_all_rows() -> None:
    rows, labels = made(71, 11, num_classes=4)
    old = labels != 3
    before = RidgeStatistics.fitted(rows[old], labels[old], 3, np.arange(int(old.sum())))
    joint = before.joined(RidgeStatistics.of(rows[~old], labels[~old], 4))
    whole = RidgeStatistics.of(rows, labels, 4)
    np.testing.assert_array_equal(joint.counts, whole.counts)
    np.testing.assert_allclose(joint.gram, whole.gram, rtol=1e-9)
    targets = 2.0 * np.eye(4)[labels] - 1
    oracle = Ridge(alpha=before.share * whole.mean_eigenvalue).fit(rows.astype(np.float64), targets)
    weight, bias = joint.solution()
    np.testing.assert_allclose(weight, oracle.coef_.T, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(bias, oracle.intercept_, rtol=1e-5, atol=1e-7)
    assert (joint.share, joint.temperature) == (before.share, before.temperature)


def test_the_order_of_additions_does_not_matter() -> None:
    rows, labels = made(47, 5)
    parts = [RidgeStatistics.of(rows[part], labels[part], 3) for part in (slice(0, 20), slice(20, 31), slice(31, 47))]
    one, other = parts[0].joined(parts[1]).joined(parts[2]), parts[0].joined(parts[2]).joined(parts[1])
    np.testing.assert_allclose(one.solution()[0], other.solution()[0], rtol=1e-9)


def test_without_some_rows_it_gives_the_solution_of_the_others() -> None:
    rows, labels = made(71, 11)
    whole, part = RidgeStatistics.fitted(rows, labels, 3, np.arange(71)), slice(5, 30)
    rest = np.delete(np.arange(71), part)
    less, alone = whole.without(RidgeStatistics.of(rows[part], labels[part], 3)), RidgeStatistics.of(rows[rest], labels[rest], 3)
    np.testing.assert_array_equal(less.counts, alone.counts)
    oracle = Ridge(alpha=whole.share * alone.mean_eigenvalue)
    oracle.fit(rows[rest].astype(np.float64), 2.0 * np.eye(3)[labels[rest]] - 1)
    weight, bias = less.solution()
    np.testing.assert_allclose(weight, oracle.coef_.T, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(bias, oracle.intercept_, rtol=1e-5, atol=1e-7)
    assert (less.share, less.temperature) == (whole.share, whole.temperature)


def test_few_rows_are_solved_without_their_sums() -> None:
    rows, labels = made(13, 29)
    statistics = RidgeStatistics.fitted(rows, labels, 3, np.arange(13))
    for found, expected in zip(solution_of(rows, labels, 3, statistics.share), statistics.solution(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_a_file_keeps_it(tmp_path: Path) -> None:
    rows, labels = made(61, 7)
    other, statistics = (RidgeStatistics.fitted(rows, labels, 3, np.arange(61)) for _ in range(2))
    save_statistics(tmp_path / "memory", {0: other.arrays(), 3: statistics.arrays()})
    found = load_statistics(tmp_path / "memory")
    assert list(found) == [0, 3]
    again = RidgeStatistics.from_arrays(found[3])
    np.testing.assert_array_equal(again.gram, again.gram.T)
    np.testing.assert_allclose(again.gram, statistics.gram, rtol=1e-6)
    np.testing.assert_allclose(again.solution()[0], statistics.solution()[0], rtol=1e-3, atol=1e-5)
    assert (again.share, again.temperature) == (statistics.share, statistics.temperature)


def test_a_file_of_an_earlier_version_has_the_sums_of_one_head(tmp_path: Path) -> None:
    rows, labels = made(61, 7)
    statistics = RidgeStatistics.fitted(rows, labels, 3, np.arange(61))
    save_file(statistics.arrays(), tmp_path / "memory")
    found = load_statistics(tmp_path / "memory")
    assert list(found) == [0]
    np.testing.assert_array_equal(found[0]["counts"], statistics.counts)


def test_a_file_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    arrays = RidgeStatistics.of(*made(61, 7), 3).arrays()
    del arrays["gram"]
    save_statistics(tmp_path / "memory", {2: arrays})
    with pytest.raises(DataError) as error:
        load_statistics(tmp_path / "memory")
    assert str(error.value) == (
        f"{tmp_path / 'memory'} is damaged ('gram' is missing). Delete it, and extend with the run's data in place."
    )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory").write_bytes(b"nothing")
    with pytest.raises(DataError) as error:
        load_statistics(tmp_path / "memory")
    assert str(error.value).startswith(f"{tmp_path / 'memory'} is damaged (")
    assert str(error.value).endswith("). Delete it, and extend with the run's data in place.")
