from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError, PlanError
from headstart.multioutput.intervals import CrossConformal


def test_the_ends_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    folds, residuals = np.arange(29) % 3, rng.random((29, 1))
    predicted = rng.normal(size=(3, 7, 1))
    low, high = CrossConformal(residuals, folds).interval(predicted, 0.8)
    for image in range(7):
        uppers = sorted(predicted[fold, image, 0] + residual for fold, residual in zip(folds, residuals[:, 0], strict=True))
        lowers = sorted(predicted[fold, image, 0] - residual for fold, residual in zip(folds, residuals[:, 0], strict=True))
        assert high[image, 0] == uppers[int(np.ceil(0.8 * 30)) - 1]  # Barber et al. 2021, section 3
        assert low[image, 0] == lowers[int(np.floor(0.2 * 30)) - 1]


def test_coverage_is_near_the_level_on_new_images():
    rng, covered = np.random.default_rng(1), []
    for _ in range(60):
        rows, weight = rng.normal(size=(80, 4)), rng.normal(size=4)
        numbers, folds = rows @ weight + rng.normal(size=80), np.arange(80) % 5
        fits = [np.linalg.lstsq(rows[folds != fold], numbers[folds != fold], rcond=None)[0] for fold in range(5)]
        residuals = np.abs(numbers - np.array([rows[row] @ fits[folds[row]] for row in range(80)]))
        new = rng.normal(size=(50, 4))
        truth = new @ weight + rng.normal(size=50)
        low, high = CrossConformal(residuals[:, None], folds).interval(np.stack([new @ fit for fit in fits])[..., None], 0.9)
        covered.append(((low[:, 0] <= truth) & (truth <= high[:, 0])).mean())
    assert 0.88 < np.mean(covered) < 0.93


def test_a_share_that_cannot_be_given_is_refused():
    few = CrossConformal(np.ones((9, 1)), np.zeros(9, np.int64))
    with pytest.raises(DataError) as caught:
        few.interval(np.zeros((1, 2, 1)), 0.95)
    assert str(caught.value) == (
        "interval = 0.95 cannot be given with 9 labeled images: one in 20 must lie outside. Ask for 0.9 or less."
    )
    with pytest.raises(PlanError) as shares:
        few.interval(np.zeros((1, 2, 1)), 1.0)
    assert str(shares.value) == "interval = 1 is no share of images. Give more than 0 and less than 1, such as 0.9."
    assert few.interval(np.zeros((1, 2, 1)), 0.9)[1].tolist() == [[1.0], [1.0]]


def test_the_guarantee_is_that_of_the_theorem():
    one = CrossConformal(np.ones((99, 1)), np.zeros(99, np.int64)).guarantee(0.9)
    assert one.startswith("Intervals at 90% hold the true number for at least 90% of images")
    many = CrossConformal(np.ones((100, 1)), np.arange(100) % 5).guarantee(0.9)
    assert "at least 72% of images" in many  # 1 - 2/10 - min(2 (4/5) / 21, 0.95 / 6) = 0.724
