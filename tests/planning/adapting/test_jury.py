"""Who is believed, by hand-made values of the validators."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.planning.adapting.jury import believed, believed_turned, mean_probs
from headstart.planning.adapting.trying import Candidate, Tried

OWN = 0.8


def values(neighborhood: float, circular: float | None, joint_match: float) -> dict[str, float | None]:
    return {"neighborhood": neighborhood, "circular": circular, "joint_match": joint_match}


UNADAPTED = values(0.5, 0.7, -0.02)


def judged(one: dict[str, float | None], faults: dict[str, str] | None = None, sure: bool = False):
    return believed({"source_only": UNADAPTED, "coral": one}, "source_only", faults or {}, OWN, sure=sure)


def test_a_candidate_that_gains_and_loses_nowhere_is_believed():
    assert judged(values(0.6, 0.75, -0.01)) == (("coral",), {})


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (values(0.4, 0.9, 0.0), "it falls behind the unadapted model in neighborhood"),
        (values(0.9, 0.6, -0.03), "it falls behind the unadapted model in circular, joint_match"),
        (values(0.9, None, 0.0), "it falls behind the unadapted model in circular"),
        (values(0.51, 0.71, 0.0), "its gain of 0.020 in what the jurors look at is below 0.03"),
    ],
)
def test_one_juror_suffices_to_refuse(one, why):
    assert judged(one) == ((), {"coral": why})


def test_neighbors_must_agree_half_as_well_as_in_the_source():
    low = {"source_only": values(0.1, 0.7, -0.02), "coral": values(0.3, 0.8, 0.0)}
    assert believed(low, "source_only", {}, OWN, sure=False) == (
        (),
        {"coral": "neighbors in the target agree less than half as well as neighbors in the source"},
    )


def test_where_shares_explain_as_much_neighborhood_alone_must_gain_clearly():
    assert judged(values(0.55, 0.95, 0.0), sure=True)[0] == ()
    assert judged(values(0.65, 0.7, 0.0), sure=True)[0] == ("coral",)


def test_where_no_map_explains_the_target_the_joint_match_is_no_juror():
    several = {"source_only": UNADAPTED, "shot_im": values(0.7, 0.8, -0.05)}
    assert believed(several, "source_only", {}, OWN, sure=True)[0] == ()
    assert believed(several, "source_only", {}, OWN, sure=True, mapped=False)[0] == ("shot_im",)


def test_a_collapsed_candidate_is_not_believed_whatever_it_gains():
    assert judged(values(0.9, 0.9, 0.0), faults={"coral": "it collapsed"}) == ((), {})


def test_candidates_that_gain_half_as_much_as_the_best_predict_with_it():
    several = {
        "source_only": UNADAPTED,
        "much": values(0.7, 0.9, 0.0),
        "half": values(0.6, 0.8, 0.0),
        "little": values(0.55, 0.75, 0.0),
    }
    assert believed(several, "source_only", {}, OWN, sure=False)[0] == ("much", "half")


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
