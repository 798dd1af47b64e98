from __future__ import annotations

import numpy as np
import pytest
from small_data import smooth

from headstart.core.errors import DataError
from headstart.data.images import ArrayImages, Embeddings
from headstart.data.joined import JoinedImages

PIXELS = smooth(7, 11)
FIRST = ArrayImages(PIXELS[:3], "a", np.arange(3))
SECOND = ArrayImages(PIXELS[3:], "b", np.arange(4))
BOTH = JoinedImages((FIRST, SECOND))


def test_rows_of_the_first_come_before_rows_of_the_second():
    assert [BOTH.name(row) for row in range(len(BOTH))] == ["a[0]", "a[1]", "a[2]", "b[0]", "b[1]", "b[2]", "b[3]"]
    for row in range(7):
        assert np.array_equal(np.asarray(BOTH.read(row)), PIXELS[row])
    assert BOTH.content_key(4) == SECOND.content_key(1)


def test_a_choice_of_a_choice_is_of_the_original_rows():
    chosen = BOTH.take(np.array([6, 2, 0])).take(np.array([1, 0]))
    assert [chosen.name(row) for row in range(len(chosen))] == ["a[2]", "b[3]"]


def test_vectors_follow_the_choice():
    first = Embeddings(np.arange(6, dtype=np.float32).reshape(2, 3), "a", np.arange(2))
    second = Embeddings(np.arange(9, dtype=np.float32).reshape(3, 3) + 10, "b", np.arange(3))
    both = JoinedImages((first, second))
    assert both.embedded
    assert both.take(np.array([4, 0])).vectors().tolist() == [[16, 17, 18], [0, 1, 2]]
    assert both.vectors().shape == (5, 3)


def test_pictures_have_no_vectors():
    with pytest.raises(DataError, match=r"^These rows are pictures and carry no feature vectors\. Extract features"):
        BOTH.vectors()


def test_many_parts_are_one_flat_table_and_empty_ones_are_passed_over():
    empty = FIRST.take(np.array([], np.int64))
    joined = JoinedImages((empty, *[FIRST.take(np.array([row % 3])) for row in range(2_000)], empty, SECOND))
    assert len(joined) == 2_004
    assert (joined.name(1_999), joined.name(2_000), joined.name(2_003)) == ("a[1]", "b[0]", "b[3]")
