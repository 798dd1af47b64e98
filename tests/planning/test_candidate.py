"""A candidate's name, and what its fit depends on."""

from __future__ import annotations

import pytest

from headstart.planning.candidate import ensemble_of, partner_of
from headstart.planning.plan import Partner
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


def test_members_keep_their_own_training_and_rows(make_candidate):
    first = make_candidate(max_rows=50)
    others = [
        make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"}, training=Training(epochs=3), max_rows=50),
        make_candidate("baseline", "pixels", max_rows=20, training=Training()),
    ]
    ensemble = ensemble_of(first, tuple(partner_of(one, first) for one in others))
    nets = [Partner(pretrained=name, input_pixels=96, method=ensemble.method) for name in ("other", "third")]
    alike = ensemble.model_copy(update={"partners": (*nets, ensemble.partners[-1])})
    assert alike.name == "mean of 4: ridge on stages of net, other and third at 96 pixels and ridge on raw pixels"
    assert ensemble.name == "mean of 3: ridge on stages of net at 96 pixels, small_cnn from scratch and ridge on raw pixels"
    assert [partner.max_rows for partner in ensemble.partners] == [None, 20]
    assert [partner.training for partner in ensemble.partners] == [Training(epochs=3), None]
    assert ensemble.members == (first, *others)


@pytest.mark.parametrize(
    ("others", "name"),
    [
        (
            [{"pretrained": f"efficientnet_lite{last}", "input_pixels": side} for last, side in ((1, 240), (0, 160), (2, 260))],
            "mean of 4: ridge on stages of efficientnet_lite0/1/2 at 96 to 260 pixels",
        ),
        (
            [{"pretrained": "efficientnet_lite0", "input_pixels": 224}],
            "mean of 2: ridge on stages of efficientnet_lite0 at 96 and 224 pixels",
        ),
        (
            [{"method": {"kind": "knn", "blocks": "stages"}, "pretrained": "efficientnet_lite0"}, {"pretrained": "resnet18"}],
            "mean of 3: ridge on stages of efficientnet_lite0 and resnet18 at 96 pixels and knn on stages of efficientnet_lite0 "
            "at 96 pixels",
        ),
        (
            [
                {"family": "baseline", "pretrained": "pixels", "method": {"kind": kind}, "weights": "none"}
                for kind in ("ridge", "kernel_ridge")
            ],
            "mean of 3: ridge on stages of efficientnet_lite0 at 96 pixels and ridge and kernel_ridge on raw pixels",
        ),
        (
            [{"method": {"kind": "ridge", "blocks": "stages", "view": "plain"}}, {"weights": "none"}],
            "mean of 3: ridge on stages of efficientnet_lite0 at 96 pixels, ridge on stages of net at 96 pixels with plain "
            "pictures and ridge on stages of random net at 96 pixels",
        ),
    ],
)
def test_members_of_one_kind_are_named_together(make_candidate, others, name):
    first = make_candidate(pretrained="efficientnet_lite0")
    assert ensemble_of(first, tuple(partner_of(make_candidate(**one), first) for one in others)).name == name


@pytest.mark.parametrize(
    ("first", "other", "family"),
    [("baseline", "transfer", "transfer"), ("scratch", "baseline", "scratch"), ("baseline", "baseline", "baseline")],
)
def test_an_ensemble_transfers_where_one_of_its_members_does(make_candidate, first, other, family):
    made = {
        "transfer": make_candidate(),
        "baseline": make_candidate("baseline", "pixels"),
        "scratch": make_candidate("scratch", "small_cnn", method={"kind": "fine_tune"}),
    }
    assert ensemble_of(made[first], (partner_of(made[other], made[first]),)).family == family
