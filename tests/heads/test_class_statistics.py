"""Class statistics: by hand."""

import numpy as np
import pytest

from headstart.heads.class_statistics import class_means, compact, expected_log_prediction, one_hot, with_absent_classes


def test_one_hot_and_compact():
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(compact(np.array([5, 2, 5, 9])), [1, 0, 1, 2])


def test_class_means_are_zero_where_there_are_no_rows():
    means = class_means(np.array([[1.0, 3], [5, 7], [2, 2]]), np.array([2, 2, 0]), 4)
    np.testing.assert_array_equal(means, [[2, 2], [0, 0], [3, 5], [0, 0]])


def test_expected_log_prediction_leaves_out_source_classes_without_mass():
    probs = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert expected_log_prediction(probs, np.array([0, 1, 1])) == pytest.approx(2 / 3 * np.log(0.5))


def test_absent_classes_get_the_lowest_score():
    weight, bias = with_absent_classes(np.array([[1.0, 2]]), np.array([3.0, 4]), np.array([0, 2]), 3, -9.0)
    np.testing.assert_array_equal(weight, [[1, 0, 2]])
    np.testing.assert_array_equal(bias, [3, -9, 4])
