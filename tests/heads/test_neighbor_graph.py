"""Neighbor graphs: against brute force, by hand, and in blocks."""

import numpy as np
import pytest

from headstart.core.rows import unit_rows
from headstart.heads import neighbor_graph as module
from headstart.heads.neighbor_graph import Graph, Neighbors, nearest, neighbor_graph


def unit(num: int, width: int, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(num, width)) + 0.3)


def brute_force(queries: np.ndarray, rows: np.ndarray, num: int, same: bool) -> tuple[np.ndarray, np.ndarray]:
    cosines = np.array([[float(np.dot(query, row)) for row in rows] for query in queries])
    if same:
        np.fill_diagonal(cosines, -9.0)
    order = np.argsort(-cosines, axis=1)[:, :num]
    return order, np.maximum(np.take_along_axis(cosines, order, axis=1), 0) ** 3


@pytest.mark.parametrize("same", [True, False])
def test_neighbors_are_those_of_brute_force(same):
    rows = unit(23, 5)
    queries = rows if same else unit(7, 5, seed=1)
    found = nearest(queries, rows, 4, same=same)
    index, weights = brute_force(queries, rows, 4, same)
    order = np.argsort(-found.weights, axis=1)
    np.testing.assert_allclose(np.take_along_axis(found.weights, order, axis=1), weights, atol=1e-12)
    positive = weights > 0
    np.testing.assert_array_equal(np.take_along_axis(found.index, order, axis=1)[positive], index[positive])


def test_blocks_do_not_change_the_neighbors_and_bound_the_memory(monkeypatch):
    rows = unit(29, 6)
    whole = nearest(rows, rows, 5, same=True)
    monkeypatch.setattr(module, "BLOCK_VALUES", 3 * len(rows))
    sizes = []
    spy = np.argpartition
    monkeypatch.setattr(
        module.np, "argpartition", lambda values, *more, **named: sizes.append(values.size) or spy(values, *more, **named)
    )
    cut = nearest(rows, rows, 5, same=True)
    assert max(sizes) <= 3 * len(rows)
    assert len(sizes) == 10
    np.testing.assert_array_equal(np.sort(cut.index, axis=1), np.sort(whole.index, axis=1))
    np.testing.assert_allclose(np.sort(cut.weights, axis=1), np.sort(whole.weights, axis=1), rtol=1e-9)


def test_no_row_is_its_own_neighbor_and_all_others_are_enough():
    rows = unit(6, 3)
    found = nearest(rows, rows, 100, same=True)
    assert found.index.shape == (6, 5)
    for row, index in enumerate(found.index):
        assert sorted(index) == [other for other in range(6) if other != row]
    assert nearest(rows[:1], rows[:1], 3, same=True).index.shape == (1, 0)


def test_a_copy_is_a_neighbor_of_weight_one_and_an_opposite_weighs_nothing():
    rows = np.array([[1.0, 0], [1, 0], [-1, 0]])
    found = nearest(rows, rows, 2, same=True)
    assert sorted(zip(found.index[0].tolist(), found.weights[0].tolist(), strict=True)) == [(1, 1.0), (2, 0.0)]


def test_an_edge_holds_in_both_directions_with_the_cube_of_the_cosine():
    rows = unit_rows(np.array([[1.0, 0], [0.8, 0.6], [0.6, 0.8]]))
    graph = neighbor_graph(rows, 1)
    expected = np.zeros((3, 3))
    expected[1, 2] = expected[2, 1] = 0.96**3
    expected[0, 1] = expected[1, 0] = 0.8**3
    np.testing.assert_allclose(graph.affinity.toarray(), expected, rtol=1e-12)
    np.testing.assert_allclose(graph.degrees, [0.8**3, 0.8**3 + 0.96**3, 0.96**3], rtol=1e-12)


def test_normalizing_divides_by_the_roots_of_both_degrees():
    graph = neighbor_graph(unit(13, 4), 3)
    affinity = graph.affinity.toarray()
    degrees = affinity.sum(axis=1)
    np.testing.assert_allclose(graph.normalized.toarray(), affinity / np.sqrt(np.outer(degrees, degrees)), rtol=1e-12)
    assert np.abs(np.linalg.eigvalsh(graph.normalized.toarray())).max() == pytest.approx(1.0)


def test_a_row_without_edges_is_zero():
    graph = neighbor_graph(np.array([[1.0, 0], [0.8, 0.6], [-1, 0]]), 1)
    np.testing.assert_array_equal(graph.normalized.toarray()[2], [0, 0, 0])
    assert graph.degrees[2] == 0


def test_votes_are_the_weighted_mean_smoothed_by_a_thousandth():
    neighbors = Neighbors(np.array([[0, 2], [1, 0]]), np.array([[3.0, 1.0], [0.0, 0.0]]))
    probs = np.array([[1.0, 0.0], [0.3, 0.7], [0.2, 0.8]])
    mean = (3 * 1.0 + 1 * 0.2) / 4
    expected = np.log([[0.999 * mean + 0.0005, 0.999 * (1 - mean) + 0.0005], [0.5, 0.5]])
    np.testing.assert_allclose(neighbors.class_scores(probs), expected, rtol=1e-12)


def test_taking_neighbors_takes_their_votes():
    graph = neighbor_graph(unit(11, 4), 3)
    probs = np.random.default_rng(3).dirichlet(np.ones(3), size=11)
    rows = np.array([7, 2])
    np.testing.assert_allclose(graph.neighbors.take(rows).class_scores(probs), graph.neighbors.class_scores(probs)[rows])
    assert isinstance(graph, Graph)
