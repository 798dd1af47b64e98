"""A candidate's name, and what its fit depends on."""

from __future__ import annotations

import pytest

from headstart.planning.results import CandidateResult
from headstart.training.settings import Training


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"family": "chance", "pretrained": "pixels"}, "majority class"),
        ({"family": "baseline", "pretrained": "pixels"}, "ridge on raw pixels"),
        ({"family": "baseline"}, "ridge on stages of random net at 96 pixels"),
        ({}, "ridge on stages of net at 96 pixels"),
        ({"method": {"kind": "lp_ft"}, "input_pixels": 224}, "lp_ft of net at 224 pixels"),
        ({"family": "scratch", "pretrained": "small_cnn", "method": {"kind": "fine_tune"}}, "small_cnn from scratch"),
    ],
)
def test_names_are_what_a_person_would_say(make_candidate, values, name):
    assert make_candidate(**values).name == name


def test_the_family_alone_does_not_change_what_is_fitted(make_candidate):
    one = make_candidate("baseline", weights="none")
    assert one.essentials == make_candidate("scratch", weights="none").essentials
    assert "family" not in one.essentials


@pytest.mark.parametrize(
    "values",
    [{"pretrained": "other"}, {"weights": "none"}, {"input_pixels": 97}, {"method": {"kind": "knn"}}, {"max_rows": 7},
     {"training": Training(seed=1)}],
)  # fmt: skip
def test_everything_else_does(make_candidate, values):
    assert make_candidate(**values).essentials != make_candidate().essentials


@pytest.mark.parametrize("kind", ["lp_ft", "ridge"])
def test_the_result_carries_the_candidate_but_no_training_that_is_not_read(make_candidate, kind):
    candidate = make_candidate(method={"kind": kind}, max_rows=13)
    result = candidate.result(status="skipped", reason="too costly")
    assert result.name == candidate.name
    read = dict(candidate) if kind == "lp_ft" else {**dict(candidate), "training": Training()}
    assert {name: getattr(result, name) for name in type(candidate).model_fields} == read
    assert ("training" in result.to_dict()) == (kind == "lp_ft")
    assert CandidateResult.from_dict(result.to_dict()) == result
    assert (result.status, result.reason, result.accuracy) == ("skipped", "too costly", None)
