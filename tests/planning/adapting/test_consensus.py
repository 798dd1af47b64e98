"""Which candidates are members of the consensus ensemble."""

from __future__ import annotations

import numpy as np

from headstart.planning.adapting.consensus import consensus_of

NUM = 60


def probs_of(labels: np.ndarray) -> np.ndarray:
    return np.eye(3)[labels] * 0.7 + 0.1


def test_a_candidate_that_differs_is_left_out_of_the_mean():
    truth = np.arange(NUM) % 3
    slightly = truth.copy()
    slightly[:6] = (slightly[:6] + 1) % 3
    probs = {
        "off": probs_of((truth + 1) % 3),
        "one": probs_of(truth),
        "two": probs_of(truth),
        "near": probs_of(slightly),
        "far": probs_of((truth + 2) % 3),
    }
    assert consensus_of(probs) == ("one", "two", "near")


def test_candidates_that_fail_alike_are_left_out_once_the_first_of_them_are_gone():
    """Three random candidates of five drown in the mean of the two that agree."""
    random = np.random.default_rng(3)
    truth = np.arange(NUM) % 3
    probs = {f"random {place}": probs_of(random.integers(0, 3, NUM)) for place in range(3)} | {
        "a": probs_of(truth),
        "b": probs_of(truth),
    }
    assert consensus_of(probs) == ("a", "b")


def test_one_candidate_is_an_ensemble():
    assert consensus_of({"source_only": probs_of(np.zeros(NUM, np.int64))}) == ("source_only",)
