"""Masked pictures: cells are replaced at every side alike, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.data.images import ArrayImages
from headstart.data.masked import FILLS, MaskedImages, replacement


def pictures(fill: str = "mean") -> MaskedImages:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3)).astype(np.uint8)
    return MaskedImages.of(ArrayImages(pixels, "p", np.arange(2)), (21, 30), ("a", "b"), fill)


def test_only_the_cells_that_are_hidden_are_replaced_at_every_side():
    whole = pictures()
    hidden = np.zeros((3, 3, 3), bool)
    hidden[1, 0, 2] = hidden[2] = True
    variants = whole.masked(np.array([1, 1, 0]), hidden)
    for side in (21, 30):
        squares, third = variants.squares(np.arange(3), side), side // 3
        before = whole.squares(np.arange(2), side)
        assert np.array_equal(squares[0], before[1])
        changed = (squares[1] != before[1]).any(axis=-1)
        assert changed[:third, 2 * third :].mean() > 0.9
        changed[:third, 2 * third :] = False
        assert not changed.any()
        assert np.unique(squares[2].reshape(-1, 3), axis=0).shape == (1, 3)
        assert squares[2, 0, 0] == pytest.approx(before[0].mean(axis=(0, 1)), abs=0.51)


def test_a_blurred_picture_has_its_mean_but_none_of_its_detail():
    squares = pictures().squares(np.arange(2), 30)
    blurred = replacement(squares, "blur").astype(float)
    assert blurred.mean() == pytest.approx(squares.mean(), rel=0.05)
    assert blurred.std() < 0.2 * squares.std()


@pytest.mark.parametrize("fill", FILLS)
def test_variants_are_known_by_their_content(fill):
    whole = pictures(fill)
    hidden = np.eye(4, dtype=bool).reshape(4, 2, 2)
    keys = [*map(whole.masked(np.array([0, 0, 1, 1]), hidden).content_key, range(4)), whole.content_key(0)]
    assert len(set(keys)) == 5
    assert whole.masked(np.array([0, 1]), hidden[:2]).take(np.array([1])).content_key(0) != keys[0]
    other = pictures("blur" if fill == "mean" else "mean")
    assert other.masked(np.array([0]), hidden[:1]).content_key(0) != keys[0]
