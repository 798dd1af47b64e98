"""Which candidates are members of the consensus ensemble, and whether it is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.planning.adapting.consensus import consensus_of, fault_of

OWN = 0.8
NUM = 60


def values(neighborhood: float, circular: float | None, joint_match: float) -> dict[str, float | None]:
    return {"neighborhood": neighborhood, "circular": circular, "joint_match": joint_match}


UNADAPTED = values(0.5, 0.7, -0.02)


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
    agreement, members = consensus_of(probs)
    assert members == ("one", "two", "near")
    assert agreement == {"off": 0.0, "one": 1.0, "two": 1.0, "near": 0.9, "far": 0.0}


def test_candidates_that_fail_alike_are_left_out_once_the_first_of_them_are_gone():
    """Three random candidates of five drown in the mean of the two that agree."""
    random = np.random.default_rng(3)
    truth = np.arange(NUM) % 3
    probs = {f"random {place}": probs_of(random.integers(0, 3, NUM)) for place in range(3)} | {
        "a": probs_of(truth),
        "b": probs_of(truth),
    }
    assert consensus_of(probs)[1] == ("a", "b")


def test_one_candidate_is_an_ensemble():
    assert consensus_of({"source_only": probs_of(np.zeros(NUM, np.int64))}) == ({"source_only": 1.0}, ("source_only",))


def test_an_ensemble_that_gains_and_loses_nowhere_is_accepted():
    assert fault_of(values(0.6, 0.75, -0.01), UNADAPTED, OWN, strict=False) == ""


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (values(0.45, 0.9, 0.0), "it falls behind the unadapted model in neighborhood"),
        (values(0.9, 0.6, 0.0), "it falls behind the unadapted model in circular"),
        (values(0.9, None, 0.0), "it falls behind the unadapted model in circular"),
        (values(0.51, 0.71, 0.0), "its gain of 0.020 in neighborhood and circular together is below 0.03"),
    ],
)
def test_one_validator_suffices_to_reject(one, why):
    assert fault_of(one, UNADAPTED, OWN, strict=False) == why


def test_neighbors_must_agree_half_as_well_as_in_the_source():
    fault = fault_of(values(0.3, 0.8, 0.0), values(0.1, 0.7, -0.02), OWN, strict=False)
    assert fault == "neighbors in the target agree less than half as well as neighbors in the source"


def test_strictly_neighborhood_alone_must_gain_and_no_joint_discrepancy_may_be_left():
    assert fault_of(values(0.55, 0.95, 0.0), UNADAPTED, OWN, strict=True) == "its gain of 0.050 in neighborhood is below 0.1"
    assert fault_of(values(0.65, 0.7, -0.0002), UNADAPTED, OWN, strict=True) == ""
    assert fault_of(values(0.65, 0.7, -0.0003), UNADAPTED, OWN, strict=True) == (
        "it leaves a joint discrepancy of 0.0003, where 0.00025 is the most"
    )
    assert fault_of(values(0.65, 0.7, -0.0003), UNADAPTED, OWN, strict=False) == ""
