"""Label spreading and propagation: against dense solves, scikit-learn's fixed points on the same graph, and by hand."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from headstart.core.errors import TrainingError
from headstart.core.rows import unit_rows
from headstart.heads import label_propagation as module
from headstart.heads.label_propagation import label_propagation, label_spreading
from headstart.heads.neighbor_graph import Graph, Neighbors, neighbor_graph

NUM, CLASSES = 47, 3


def connected() -> Graph:
    """A graph in one piece, its weights unequal."""
    rows = unit_rows(np.random.default_rng(2).normal(size=(NUM, 4)) + 0.8)
    return neighbor_graph(rows, 5)


def some_labels() -> np.ndarray:
    labels = np.full(NUM, -1)
    labels[[0, 3, 11, 17, 30, 31, 45]] = [0, 1, 2, 2, 1, 1, 1]
    return labels


def one_hot(labels: np.ndarray) -> np.ndarray:
    return (labels[:, None] == np.arange(CLASSES)).astype(float)


@pytest.mark.parametrize("strength", [0.2, 0.9, 0.99])
def test_spreading_is_the_dense_solution(strength):
    graph, labels = connected(), some_labels()
    exact = np.linalg.solve(np.eye(NUM) - strength * graph.normalized.toarray(), (1 - strength) * one_hot(labels))
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(label_spreading(graph, labels, CLASSES, strength), exact, atol=1e-6)


@pytest.mark.parametrize("strength", [0.2, 0.9, 0.99])
def test_propagating_is_the_dense_solution_of_the_unsymmetric_form(strength):
    graph, labels = connected(), some_labels()
    known, targets = labels >= 0, one_hot(labels)
    walk = graph.affinity.toarray() / graph.degrees[:, None]
    shares = targets.sum(axis=0) / 7
    given = strength * walk[~known][:, known] @ targets[known] + (1 - strength) * shares
    exact = np.linalg.solve(np.eye((~known).sum()) - strength * walk[~known][:, ~known], given)
    probs = label_propagation(graph, labels, CLASSES, strength)
    np.testing.assert_allclose(probs[~known], exact, atol=1e-6)
    np.testing.assert_array_equal(probs[known], targets[known])


def test_spreading_agrees_with_scikit_learn_on_the_same_graph():
    graph, labels = connected(), some_labels()
    oracle = LabelSpreading(kernel=lambda first, second: graph.affinity.toarray(), alpha=0.8, max_iter=2000, tol=1e-12)
    oracle.fit(np.zeros((NUM, 1)), labels)
    np.testing.assert_allclose(label_spreading(graph, labels, CLASSES, 0.8), oracle.label_distributions_, atol=1e-6)


def test_propagating_agrees_with_scikit_learn_where_next_to_nothing_ties_rows_to_the_shares():
    graph, labels = connected(), some_labels()
    oracle = LabelPropagation(kernel=lambda first, second: graph.affinity.toarray(), max_iter=20_000, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(np.zeros((NUM, 1)), labels)
    np.testing.assert_allclose(label_propagation(graph, labels, CLASSES, 1 - 1e-7), oracle.label_distributions_, atol=1e-4)


def chain_and_single_row() -> Graph:
    """Rows 0 - 1 - 2 in a chain with weights 1 and 3; row 3 has no edge."""
    index = np.array([[1], [2], [1], [0]])
    return Graph(Neighbors(index, np.array([[1.0], [3.0], [3.0], [0.0]])))


def test_a_chain_by_hand():
    labels = np.array([0, -1, 1, -1])
    probs = label_propagation(chain_and_single_row(), labels, 2, 0.8)
    # Row 1: 0.8 (1 * e0 + 3 * e1) / 4 + 0.2 * (1/2, 1/2)
    np.testing.assert_allclose(probs[1], [0.8 * 0.25 + 0.1, 0.8 * 0.75 + 0.1], atol=1e-7)


@pytest.mark.parametrize("function", [label_spreading, label_propagation])
def test_a_row_that_no_label_reaches_gets_the_labeled_shares(function):
    labels = np.array([0, 1, 1, -1])
    np.testing.assert_allclose(function(chain_and_single_row(), labels, 2, 0.9)[3], [1 / 3, 2 / 3], atol=1e-9)


@pytest.mark.parametrize("function", [label_spreading, label_propagation])
def test_rows_are_distributions_and_an_absent_class_gets_nothing(function):
    probs = function(connected(), np.where(some_labels() == 2, -1, some_labels()), CLASSES, 0.9)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-12)
    assert probs.min() >= 0
    np.testing.assert_array_equal(probs[:, 2], 0)


@pytest.mark.parametrize("function", [label_spreading, label_propagation])
def test_renaming_classes_and_reordering_rows_changes_nothing_else(function):
    rows = unit_rows(np.random.default_rng(2).normal(size=(NUM, 4)) + 0.8)
    labels, order, names = some_labels(), np.random.default_rng(0).permutation(NUM), np.array([2, 0, 1, -1])
    first = function(neighbor_graph(rows, 5), labels, CLASSES, 0.9)
    second = function(neighbor_graph(rows[order], 5), names[labels[order]], CLASSES, 0.9)
    np.testing.assert_allclose(second[:, names[:3]], first[order], atol=1e-6)


@pytest.mark.parametrize("function", [label_spreading, label_propagation])
def test_two_moons_are_told_apart_by_one_label_each(function):
    points, truth = make_moons(400, noise=0.05, random_state=0)
    # Cosines see directions: the moons are mapped onto a sphere by random features of a narrow Gaussian kernel.
    random = np.random.default_rng(0)
    phases = points @ random.normal(scale=8.0, size=(2, 600)) + random.uniform(0, 2 * np.pi, 600)
    graph = neighbor_graph(unit_rows(np.cos(phases)), 10)
    labels = np.full(400, -1)
    labels[[np.flatnonzero(truth == 0)[0], np.flatnonzero(truth == 1)[0]]] = [0, 1]
    assert (function(graph, labels, 2, 0.99).argmax(axis=1) == truth).mean() >= 0.98


def test_a_system_that_does_not_converge_names_the_setting(monkeypatch):
    monkeypatch.setattr(module, "MOST_ITERATIONS", 2)
    with pytest.raises(TrainingError) as error:
        label_spreading(connected(), some_labels(), CLASSES, 0.99)
    assert str(error.value) == ("Labels have not converged after 2 iterations. Lower method.strength, which is close to 1.")
