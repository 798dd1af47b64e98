"""LaplacianShot: by hand without smoothing, a fixed point with it, and an objective that no round raises."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import softmax

from headstart.core.rows import unit_rows
from headstart.heads.neighbor_graph import Graph, neighbor_graph
from headstart.methods.semi import laplacian_shot as module
from headstart.methods.semi.laplacian_shot import assigned


def rows_and_labels() -> tuple[np.ndarray, Graph, np.ndarray]:
    random = np.random.default_rng(0)
    rows = unit_rows(random.normal(size=(31, 4)) + np.repeat(np.eye(4)[:2] * 2, [16, 15], axis=0))
    labels = np.full(31, -1)
    labels[[0, 1, 20]] = [0, 0, 2]
    return rows, neighbor_graph(rows, 4), labels


def objective(rows: np.ndarray, graph: Graph, labels: np.ndarray, probs: np.ndarray, smoothing: float) -> float:
    """sum_i p_i . d_i - lambda / 2 sum_ij w_ij p_i . p_j - sum_i H(p_i), over unlabeled i, with labeled rows held."""
    means = np.stack([rows[labels == label].mean(axis=0) for label in (0, 2)])
    distances = ((rows[:, None] - means[None]) ** 2).sum(axis=2)
    seen = probs[:, [0, 2]]
    free = labels == -1
    pairs = (graph.affinity.toarray() * (seen @ seen.T)).sum()
    entropy = -(seen[free] * np.log(seen[free])).sum()
    return float((seen[free] * distances[free]).sum() - smoothing / 2 * pairs - entropy)


def test_next_to_no_smoothing_is_the_soft_nearest_mean():
    rows, graph, labels = rows_and_labels()
    means = np.stack([rows[[0, 1]].mean(axis=0), rows[20]])
    expected = softmax(-((rows[:, None] - means[None]) ** 2).sum(axis=2), axis=1)
    probs = assigned(rows, graph, labels, 3, 1e-12)
    free = labels == -1
    np.testing.assert_allclose(probs[free][:, [0, 2]], expected[free], atol=1e-9)


def test_labeled_rows_keep_their_labels_and_absent_classes_get_nothing():
    rows, graph, labels = rows_and_labels()
    probs = assigned(rows, graph, labels, 3, 3.0)
    np.testing.assert_array_equal(probs[[0, 1, 20]], [[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(probs[:, 1], 0)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.5, 3.0])
def test_the_result_is_a_fixed_point(smoothing):
    rows, graph, labels = rows_and_labels()
    probs = assigned(rows, graph, labels, 3, smoothing)
    means = np.stack([rows[[0, 1]].mean(axis=0), rows[20]])
    distances = ((rows[:, None] - means[None]) ** 2).sum(axis=2)
    again = softmax(smoothing * (graph.affinity.toarray() @ probs[:, [0, 2]]) - distances, axis=1)
    free = labels == -1
    np.testing.assert_allclose(probs[free][:, [0, 2]], again[free], atol=1e-4)


def test_no_round_raises_the_objective(monkeypatch):
    rows, graph, labels = rows_and_labels()
    values = []
    for rounds in range(1, 9):
        monkeypatch.setattr(module, "MOST_ROUNDS", rounds)
        values.append(objective(rows, graph, labels, assigned(rows, graph, labels, 3, 3.0), 3.0))
    assert values[0] > values[-1] + 0.1
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(values))
