from __future__ import annotations

import numpy as np

from headstart.shift.subspaces import leading_directions

SOURCE = np.random.default_rng(3).normal(size=(61, 3)) * [0.3, 2.0, 1.0]


def test_directions_are_those_of_the_singular_value_decomposition():
    found = leading_directions(SOURCE + 5.0, 2)
    expected = np.linalg.svd(SOURCE - SOURCE.mean(axis=0))[2][:2].T
    np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=0)), 1, atol=1e-9)
    assert leading_directions(SOURCE, 9).shape == (3, 3)
