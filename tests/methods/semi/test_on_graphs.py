"""Label propagation, spreading and mean: their heads and temperatures are those of the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from rows_made import pool_made

from headstart.heads.label_propagation import label_propagation, label_spreading
from headstart.heads.neighbor_graph import neighbor_graph
from headstart.methods.heads import mean_scores, ridge_head
from headstart.methods.semi.label_mean import LabelMean
from headstart.methods.semi.label_propagation import LabelPropagation
from headstart.methods.semi.label_spreading import LabelSpreading


@pytest.mark.parametrize(("method", "function"), [(LabelPropagation, label_propagation), (LabelSpreading, label_spreading)])
def test_the_head_asks_rows_that_hold_what_spread(method, function):
    pool, _ = pool_made(2)
    made = method(num_neighbors=6, strength=0.7)
    head, _ = made.head_of(pool)
    expected = function(neighbor_graph(pool.directions, 6), pool.labels, pool.num_classes, 0.7)
    np.testing.assert_allclose(head.probs, expected, atol=1e-6)
    np.testing.assert_array_equal(head.rows, pool.directions)
    assert head.num_neighbors == 6


def test_propagation_keeps_labels_and_spreading_lets_them_be_outvoted():
    pool, truth = pool_made(8, signal=6.0)
    wrong = int(pool.labeled[0])
    labels = pool.labels.copy()
    labels[wrong] = (truth[wrong] + 1) % 3
    graph = neighbor_graph(pool.directions, 10)
    assert label_propagation(graph, labels, 4, 0.99)[wrong].argmax() == labels[wrong]
    assert label_spreading(graph, labels, 4, 0.9)[wrong].argmax() == truth[wrong]


def test_the_mean_is_that_of_ridge_and_spreading_at_ridge_s_temperature():
    pool, _ = pool_made(4)
    known = np.flatnonzero(pool.labels >= 0)
    linear, temperature = ridge_head(pool.features.take(known), pool.labels[known], 4, "stages+pixels", pool.groups[known])
    spreading, _ = LabelSpreading().head_of(pool)
    head, _ = LabelMean().head_of(pool)
    expected = mean_scores([linear.scores(pool.features), spreading.scores(pool.features)], (temperature, 1.0))
    np.testing.assert_allclose(head.scores(pool.features), expected, rtol=1e-6)


@pytest.mark.parametrize("method", [LabelPropagation(), LabelSpreading(), LabelMean()])
def test_temperature_makes_held_labels_likelier_than_at_others(method, monkeypatch):
    """The scores that the temperature is fitted to are those of held rows: the best of a grid on them is no better."""
    pool, _ = pool_made(6, signal=1.5)
    seen = []
    monkeypatch.setattr(
        "headstart.heads.unlabeled_pool.fit_temperature", lambda scores, labels: seen.append((scores, labels)) or 1.0
    )
    method.head_of(pool)
    scores, labels = seen[0]
    assert len(scores) == 18
    assert sorted(labels.tolist()) == [0] * 6 + [1] * 6 + [2] * 6
    assert 0.4 < (scores.argmax(axis=1) == labels).mean() <= 1
