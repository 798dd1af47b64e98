"""Who is believed, by hand-made values of the validators."""

from __future__ import annotations

import numpy as np

from headstart.planning.adapting.jury import believed_turned, mean_probs
from headstart.planning.adapting.trying import Candidate, Tried

OWN = 0.8


def values(neighborhood: float, circular: float | None, joint_match: float) -> dict[str, float | None]:
    return {"neighborhood": neighborhood, "circular": circular, "joint_match": joint_match}


def test_a_turned_source_wants_the_joint_gap_closed():
    several = {
        "source_only": values(0.9, 0.7, -0.1),
        "turned": values(0.8, 0.9, -0.001),
        "also": values(0.8, 0.9, -0.009),
        "far": values(0.9, 0.9, -0.06),
        "rough": values(0.6, 0.9, 0.0),
        "one way": values(0.8, 0.6, 0.0),
    }
    chosen, behind = believed_turned(several, "source_only", {}, OWN)
    assert chosen == ("turned", "also")
    assert behind == {
        "far": "it leaves 0.060 of the joint gap of 0.100 that the unadapted model leaves to the turned source",
        "rough": "neighbors in the target agree less than neighbors in the source",
        "one way": "it falls behind the unadapted model in circular",
    }


def test_candidates_together_say_the_geometric_mean_as_a_model_with_partners_does():
    said = {"sure": [0.98, 0.01, 0.01], "doubting": [0.3, 0.65, 0.05], "other": [0.1, 0.1, 0.8]}
    candidates = tuple(
        Candidate(Tried(kind=name, method={}, fault="", seconds=0.0), np.array([probs])) for name, probs in said.items()
    )
    expected = np.sqrt(np.array(said["sure"]) * np.array(said["doubting"]))
    np.testing.assert_allclose(mean_probs(candidates, ("sure", "doubting")), [expected / expected.sum()])
