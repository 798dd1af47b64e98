"""SelfTraining: which rows take part, what they aim at, and what rounds do."""

from __future__ import annotations

import numpy as np
import pytest
from rows_made import pool_made
from scipy.special import softmax

from headstart.core.rows import linear_scores
from headstart.heads.label_propagation import label_spreading
from headstart.heads.neighbor_graph import neighbor_graph
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.methods.semi import self_training as module
from headstart.methods.semi.self_training import SelfTraining


def test_labeled_rows_and_the_surest_others_take_part():
    probs = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0], [0.4, 0.6], [0.2, 0.8]])
    known = np.array([True, False, False, False, False])
    assert SelfTraining(share=0.5)._surest(probs, known).tolist() == [0, 1, 2]
    assert SelfTraining(share=0.51)._surest(probs, known).tolist() == [0, 1, 2, 4]
    assert SelfTraining(share=1.0)._surest(probs, known).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rounds", [1, 3])
def test_every_round_refits_to_soft_labels_weighted_by_confidence(rounds, monkeypatch):
    pool, _ = pool_made(3)
    calls = []
    original = module.fit_soft_ridge

    def watched(rows, targets, weights, judged):
        calls.append((rows, targets, weights, judged))
        return original(rows, targets, weights, judged)

    monkeypatch.setattr(module, "fit_soft_ridge", watched)
    method = SelfTraining(rounds=rounds, share=0.4)
    graph = neighbor_graph(pool.directions, method.num_neighbors)
    method._trained(pool, graph, pool.labels)
    assert len(calls) == rounds
    known = pool.labels >= 0
    first = fit_ridge(pool.rows[known], pool.labels[known], pool.num_classes, groups=pool.groups[known])
    own = softmax(linear_scores(pool.rows, first.weight, first.bias) / first.temperature, axis=1)
    probs = (own + label_spreading(graph, pool.labels, pool.num_classes, method.strength)) / 2
    probs[known] = np.eye(pool.num_classes)[pool.labels[known]]
    rows, targets, weights, judged = calls[0]
    num_free = int(np.ceil(0.4 * (~known).sum()))
    assert len(rows) == known.sum() + num_free
    threshold = np.sort(probs[~known].max(axis=1))[-num_free]
    taken = known | (probs.max(axis=1) >= threshold)
    np.testing.assert_array_equal(rows, pool.rows[taken])
    np.testing.assert_allclose(targets, probs[taken], rtol=1e-9)
    np.testing.assert_allclose(weights, probs[taken].max(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(judged, np.flatnonzero(known[taken]))


@pytest.mark.slow
def test_the_head_scores_as_the_fit_along_the_axes():
    pool, _ = pool_made(3)
    method = SelfTraining()
    fit = method._trained(pool, neighbor_graph(pool.directions, method.num_neighbors), pool.labels)
    head, _ = method.head_of(pool)
    np.testing.assert_allclose(head.scores(pool.features), linear_scores(pool.rows, fit.weight, fit.bias), atol=1e-4)
