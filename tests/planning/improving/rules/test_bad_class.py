"""One class found less often than the others."""

from __future__ import annotations

import pytest

from headstart.core.findings import Finding
from headstart.planning.improving.fit_evidence import Proposal
from headstart.planning.improving.rules.bad_class import bad_class
from headstart.training.settings import Training


def test_a_rare_class_that_is_missed_is_to_count_more(make_evidence):
    said, other = bad_class(make_evidence(counts=(30, 9, 30), held_wrong=(3, 6, 3)))
    assert isinstance(said, Proposal)
    assert [one.plan.training.balance for one in (said, other)] == ["weights", "sampling"]
    assert said.aim == "balanced accuracy"
    assert said.reason == (
        '"dog" is found in 33% of its 9 held-out images, other classes in 90%, and it is rare: let rare classes count more '
        "(training.balance)."
    )


@pytest.mark.parametrize(
    ("counts", "plan"),
    [
        ((30, 10, 30), {}),
        ((30, 9, 30), {"training": Training(balance="weights")}),
        ((30, 9, 30), {"method": {"kind": "ridge"}}),
    ],
    ids=["not rare", "weighed already", "cannot be weighed"],
)
def test_where_weights_are_no_remedy_the_class_is_named_with_what_it_is_taken_for(make_evidence, counts, plan):
    (said,) = bad_class(make_evidence(counts=counts, held_wrong=(0, 6, 0), plan=plan))
    assert isinstance(said, Finding)
    assert said.code == "weak-class"
    assert (said.evidence["class"], said.evidence["taken_for"], said.evidence["others"]) == ("dog", "fox", 1.0)
    assert said.advice == 'Look at images of "dog" that are taken for "fox", and add labeled ones.'


@pytest.mark.parametrize(
    ("counts", "held_wrong"),
    [((20, 20, 20), (2, 7, 2)), ((20, 4, 20), (0, 4, 0)), ((20, 20, 20), (9, 9, 9)), ((20, 20, 20), None)],
    ids=["not far", "too few to tell", "all alike", "folds broke down"],
)
def test_no_class_is_named_that_is_not_far_behind(make_evidence, counts, held_wrong):
    assert not list(bad_class(make_evidence(counts=counts, held_wrong=held_wrong)))
