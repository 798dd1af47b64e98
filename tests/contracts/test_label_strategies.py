"""Every label strategy chooses as many rows as are asked for, each once, and the same again."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from headstart.core.rows import unit_rows
from headstart.evaluation.label_inputs import LabelInputs
from headstart.evaluation.label_strategies import LABEL_STRATEGIES


def inputs(num: int, num_known: int = 5, num_rows: int = 31, *, seed: int = 2, model: bool = True) -> LabelInputs:
    random = np.random.default_rng(4)
    rows, known = (unit_rows(random.normal(size=(size, 7))) for size in (num_rows, num_known))
    probs = random.dirichlet(np.ones(3), num_rows) if model else None
    return LabelInputs(rows, known, probs, num, seed)


@pytest.mark.parametrize("name", LABEL_STRATEGIES.names())
@pytest.mark.parametrize("num", [1, 11, 31])
def test_as_many_rows_as_asked_for_each_once_and_the_same_again(name, num):
    strategy = LABEL_STRATEGIES.get(name)
    chosen = strategy(inputs(num))
    assert len(chosen) == len(set(chosen.tolist())) == num
    assert set(chosen.tolist()) <= set(range(31))
    np.testing.assert_array_equal(chosen, strategy(inputs(num)))


@pytest.mark.parametrize("name", LABEL_STRATEGIES.names())
def test_equal_images_and_no_labels_are_no_obstacle(name):
    strategy = LABEL_STRATEGIES.get(name)
    same = LabelInputs(np.ones((6, 3)) / 3**0.5, np.empty((0, 3)), np.full((6, 2), 0.5), 4, 0)
    assert len(set(strategy(same).tolist())) == 4
    without = strategy(inputs(3, num_known=0, model=False))
    assert without is None or len(set(without.tolist())) == 3


def test_unsure_rows_come_first():
    probs = np.array([[0.9, 0.1, 0.0], [0.45, 0.45, 0.1], [0.4, 0.3, 0.3], [0.7, 0.2, 0.1]])
    facts = inputs(2, num_rows=4)._replace(probs=probs)
    first = {name: LABEL_STRATEGIES.get(name)(facts).tolist() for name in ("margin", "entropy", "least_confidence")}
    assert first == {"margin": [1, 2], "entropy": [2, 1], "least_confidence": [2, 1]}


def test_the_core_set_takes_what_is_far_from_labels_and_typicality_what_is_in_the_middle_of_new_clusters():
    random = np.random.default_rng(0)
    centers = np.eye(4)[:3] * 10
    rows = np.concatenate([center + random.normal(size=(20, 4)) for center in centers] + [np.full((1, 4), 30.0)])
    facts = LabelInputs(rows, centers[:1], None, 2, 0)
    assert LABEL_STRATEGIES.get("coreset")(facts)[0] == 60
    typical = LABEL_STRATEGIES.get("typicality")(facts)
    assert sorted(typical // 20) == [1, 2]

    distances = [np.linalg.norm(rows[row] - centers[row // 20]) for row in typical]
    median = np.median([np.linalg.norm(rows[row] - centers[row // 20]) for row in range(60)])
    assert max(distances) < median


def test_gradients_begin_with_an_unsure_row_and_take_no_copy_of_it():
    rows = np.repeat(np.eye(4), 5, axis=0)
    probs = np.tile([1.0 - 1e-9, 1e-9], (20, 1))
    probs[[3, 4, 8, 14]] = 0.5
    for seed in range(10):
        chosen = LABEL_STRATEGIES.get("gradient_diversity")(LabelInputs(rows, rows[:0], probs, 3, seed)).tolist()
        assert chosen[0] == 3
        assert 4 not in chosen
        assert {8, 14} & set(chosen)


def test_typicality_needs_no_matrix_of_all_distances():
    from headstart.evaluation.label_strategies.typicality import NUM_NEIGHBORS, _typical

    rows = np.random.default_rng(1).normal(size=(2_000, 5))
    tracemalloc.start()
    found = _typical(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000**2 * 8 / 4
    distances = np.sort(np.linalg.norm(rows[:7, None] - rows, axis=2), axis=1)
    np.testing.assert_allclose(found[:7], -distances[:, 1 : NUM_NEIGHBORS + 1].mean(axis=1))
