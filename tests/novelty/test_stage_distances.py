"""Distances of early stages: their value, what is left out, which stages, and that they are kept."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.features.feature_set import FeatureSet
from headstart.novelty import stage_distances as module
from headstart.novelty.stage_distances import PENALTY, StageDistances, early_places, left_out_squares

NUM, WIDTHS = 23, (3, 5, 29)
ALONE = np.arange(NUM)


def blocks_of(num: int, seed: int, moved: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(num, width)) * np.linspace(0.2, 3, width) + 5 + moved).astype(np.float32) for width in WIDTHS]


def squares_by_hand(known: np.ndarray, rows: np.ndarray, penalty: float) -> np.ndarray:
    mean = known.mean(axis=0)
    centered = known - mean
    inverse = np.linalg.inv(centered.T @ centered + penalty * np.eye(known.shape[1]))
    return np.einsum("nf,fg,ng->n", rows - mean, inverse, rows - mean)


def test_deviations_are_those_of_regularized_mahalanobis_distances():
    known, new = blocks_of(NUM, 0), blocks_of(7, 1, moved=0.7)
    found, left_out = StageDistances.fitted(known, np.array([0, 2]), ALONE)
    expected, own = [], []
    for place in (0, 2):
        block = known[place].astype(np.float64)
        penalty = PENALTY * ((block - block.mean(axis=0)) ** 2).sum(axis=1).mean()
        logs = np.log([squares_by_hand(np.delete(block, row, axis=0), block[[row]], penalty)[0] for row in range(NUM)])
        own.append((logs - logs.mean()) / logs.std())
        expected.append((np.log(squares_by_hand(block, new[place], penalty)) - logs.mean()) / logs.std())
    for standardized, deviations in ((expected, found.deviations(new)), (own, left_out)):
        usual = -np.sqrt((np.maximum(np.array(standardized), 0) ** 2).mean(axis=0))
        assert np.allclose(deviations, usual, atol=0.02)


def test_copies_are_left_out_together():
    block = blocks_of(NUM, 2)[1].astype(np.float64)
    groups = np.array([0, 0, 0, 1, 1, *range(2, NUM - 3)])
    centered = block - block.mean(axis=0)
    penalty = 0.3
    factor = np.linalg.inv(np.linalg.cholesky(centered.T @ centered + penalty * np.eye(block.shape[1]))).T
    found = left_out_squares(centered @ factor, groups)
    for row in range(NUM):
        others = block[groups != groups[row]]
        assert found[row] == pytest.approx(squares_by_hand(others, block[[row]], penalty)[0])


def test_rows_of_one_group_are_left_out_one_by_one():
    projected = np.random.default_rng(4).normal(size=(NUM, 3)) / 10
    together, alone = (left_out_squares(projected, groups) for groups in (np.zeros(NUM, np.int64), ALONE))
    assert np.array_equal(together, alone)


def test_what_is_nearer_than_usual_does_not_count():
    known = blocks_of(NUM, 0)
    found, _ = StageDistances.fitted(known, np.arange(3), ALONE)
    assert found.deviations([block.mean(axis=0, keepdims=True) for block in known])[0] == 0
    assert found.deviations([block[:1] + 100 for block in known])[0] < -3


def features_of_widths(widths: tuple[int, ...], num_stds: int) -> FeatureSet:
    stages = tuple(np.zeros((2, width), np.float32) for width in widths)
    return FeatureSet(stages, None, None, tuple(map(str, widths)), stages[:num_stds])


@pytest.mark.parametrize(
    ("widths", "num_stds", "expected"),
    [
        ((16, 24, 40, 112, 192, 320, 1280), 7, [0, 7, 1, 8, 2, 9, 3, 10]),
        ((64, 64, 64, 64), 3, [0, 4, 1, 5]),
        ((512,), 0, [0]),
        ((1200, 1200, 1200, 1200, 1200), 5, [0, 5]),
        ((3000, 20, 20), 3, [0, 3]),
    ],
)
def test_the_first_half_of_the_stages_is_used_as_far_as_there_is_room(widths, num_stds, expected):
    assert early_places(features_of_widths(widths, num_stds)).tolist() == expected


def test_factors_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_VALUES", 2 * 9)
    assert early_places(features_of_widths((3, 4, 5), 3)).tolist() == [0, 3]


def test_images_that_are_all_alike_have_no_distance_and_any_other_has():
    alike = [np.ones((NUM, 4), np.float32)]
    found, left_out = StageDistances.fitted(alike, np.array([0]), ALONE)
    assert (left_out == 0).all()
    assert found.deviations([np.ones((1, 4), np.float32)])[0] == 0
    assert found.deviations([np.ones((1, 4), np.float32) * 1.01])[0] < -1000


def test_arrays_make_them_again():
    known, new = blocks_of(NUM, 0), blocks_of(7, 1, moved=0.7)
    found, _ = StageDistances.fitted(known, np.array([1, 2]), ALONE)
    assert all(factor.dtype == np.float16 and factor.flags.c_contiguous for factor in found.factors)
    again = StageDistances.from_arrays(found.arrays(), [block.shape[1] for block in known])
    assert np.array_equal(again.deviations(new), found.deviations(new))
