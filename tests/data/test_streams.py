from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.augmentation.views import View
from headstart.data.images import ArrayImages, ImageSet
from headstart.data.streams import Stream, rows_of_step


@pytest.mark.slow
@given(st.integers(1, 23), st.integers(1, 29), st.integers(0, 5))
def test_every_epoch_shows_every_row_once(num_rows: int, batch_size: int, seed: int) -> None:
    batches = [rows_of_step(num_rows, batch_size, step, seed) for step in range(3 * num_rows)]
    assert all(len(batch) == batch_size for batch in batches)
    seen = np.concatenate(batches)
    for epoch in range(len(seen) // num_rows):
        assert sorted(seen[epoch * num_rows : (epoch + 1) * num_rows]) == list(range(num_rows))


def test_a_batch_does_not_depend_on_the_batches_before_it() -> None:
    in_order = [rows_of_step(11, 4, step, seed=3) for step in range(7)]
    assert np.array_equal(rows_of_step(11, 4, 5, seed=3), in_order[5])


def test_seeds_streams_and_epochs_draw_different_orders() -> None:
    first = rows_of_step(97, 97, 0, seed=0)
    assert not np.array_equal(first, rows_of_step(97, 97, 0, seed=1))
    assert not np.array_equal(first, rows_of_step(97, 97, 1, seed=0))
    assert not np.array_equal(first, rows_of_step(97, 97, 0, seed=0, stream="unlabeled"))


def test_a_part_of_a_stream_has_the_margins_of_its_rows() -> None:
    pixels = ArrayImages(np.zeros((5, 4, 4, 1), np.uint8), "five", np.arange(5))
    images = ImageSet(pixels, ("a", "b", "c"), np.array([0, 1, 2, 0, 1]), np.arange(5))
    margins = np.arange(15.0).reshape(5, 3)
    part = Stream(images, View(), times=2, margins=margins).take(np.array([4, 1]))
    assert part.margins is not None
    assert part.margins.tolist() == [[12, 13, 14], [3, 4, 5]]
    assert (part.images.labels.tolist(), part.times) == ([1, 1], 2)
    assert Stream(images, View()).take(np.array([3])).margins is None
