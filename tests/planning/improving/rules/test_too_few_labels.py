"""Labels are what is missing."""

from __future__ import annotations

import pytest

from headstart.planning.improving.rules.too_few_labels import too_few_labels


def test_the_rarest_class_is_to_be_labeled_first(make_evidence):
    (said,) = too_few_labels(make_evidence(counts=(9, 7, 20), held_wrong=(3, 3, 3)))
    assert said.code == "too-few-labels"
    assert said.advice == 'Label more images, of "dog" first: no setting replaces them.'
    assert said.evidence == {"fitted_error": 0.0, "held_error": 0.25, "least": 7}


@pytest.mark.parametrize(
    ("counts", "held_wrong", "fitted_wrong"),
    [
        ((10, 20, 20), (5, 5, 5), (0, 0, 0)),
        ((9, 20, 20), (1, 1, 1), (0, 0, 0)),
        ((9, 20, 20), (3, 3, 3), (2, 2, 1)),
        ((9, 20, 20), None, (0, 0, 0)),
    ],
    ids=["enough", "few are wrong", "fitted rows are wrong too", "folds broke down"],
)
def test_more_labels_are_asked_for_only_where_they_are_what_is_missing(make_evidence, counts, held_wrong, fitted_wrong):
    assert not list(too_few_labels(make_evidence(counts=counts, held_wrong=held_wrong, fitted_wrong=fitted_wrong)))
