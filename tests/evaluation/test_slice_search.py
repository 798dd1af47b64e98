from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from headstart.evaluation import slice_search
from headstart.evaluation.slice_search import Candidate, worse_slices


def random_candidates(number: int, size: int, seed: int = 0) -> list[Candidate]:
    draw = np.random.default_rng(seed)
    return [Candidate(f"slice {one}", "any", draw.random(size) < 0.2) for one in range(number)]


def test_a_slice_that_is_worse_is_found_with_what_others_are():
    draw = np.random.default_rng(0)
    labels = np.arange(431) % 3
    bad = draw.random(431) < 0.12
    correct = (draw.random(431) < np.where(bad, 0.5, 0.93)).astype(float)
    found = worse_slices([*random_candidates(60, 431), Candidate("bad", "x", bad)], correct, labels, np.arange(431))
    assert [one.slice.name for one in found] == ["bad"]
    assert found[0].p_value == pytest.approx(0.001)
    shares = [correct[~bad & (labels == one)].mean() for one in range(3)]
    mix = np.bincount(labels[bad], minlength=3)
    assert found[0].elsewhere == pytest.approx(np.average(shares, weights=mix))


def test_one_slice_has_about_the_p_value_of_the_exact_test():
    correct = np.ones(101)
    inside = np.arange(101) < 23
    correct[[0, 1, 2, 3, 50, 60]] = 0
    (found,) = worse_slices([Candidate("one", "x", inside)], correct, np.zeros(101, int), np.arange(101))
    exact = fisher_exact([[4, 19], [2, 76]], alternative="greater").pvalue
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_slices_are_seldom_found_where_there_is_none():
    wrong = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        labels = draw.integers(0, 4, 211)
        correct = (draw.random(211) < np.array([0.5, 0.8, 0.95, 0.99])[labels]).astype(float)
        wrong += bool(worse_slices(random_candidates(40, 211, seed), correct, labels, np.arange(211)))
    assert wrong <= 6  # of 40 at a level of 5 %: more have a probability of 0.3 %


def test_a_hard_class_does_not_make_its_attributes_worse():
    labels = np.repeat([0, 1], [150, 151])
    correct = np.where(labels == 0, np.arange(301) % 2, 1).astype(float)
    dark = (labels == 0) | (np.arange(301) < 170)
    hard = Candidate("class", "class_name", labels == 0, within_classes=False)
    found = worse_slices([Candidate("dark", "brightness", dark), hard], correct, labels, np.arange(301))
    assert [one.slice.name for one in found] == ["class"]
    assert found[0].elsewhere == 1.0


def test_a_part_of_a_hard_class_is_found_beside_the_class():
    labels = np.repeat([0, 1], [150, 151])
    dark = (np.arange(301) < 40) | (np.arange(301) > 280)
    correct = np.ones(301)
    correct[:40] = np.arange(40) % 3 == 0
    correct[40:150:8] = 0
    hard = Candidate("class", "class_name", labels == 0, within_classes=False)
    found = worse_slices([Candidate("dark", "b", dark & (labels == 0), label=0), hard], correct, labels, np.arange(301))
    assert {one.slice.name for one in found} == {"class", "dark"}


def test_a_group_whose_rows_are_all_wrong_is_one_draw_and_no_slice():
    draw = np.random.default_rng(3)
    groups = np.repeat(np.arange(12), 24)
    labels = np.zeros(288, int)
    correct = np.ones(288)
    correct[groups == 5] = 0
    candidates = [Candidate("slice", "x", (groups == 5) | (draw.random(288) < 0.02))]
    assert worse_slices(candidates, correct, labels, np.arange(288)) != []
    assert worse_slices(candidates, correct, labels, groups) == []
    (alone,) = worse_slices([Candidate("group", "group", groups == 5, whole_groups=False)], correct, labels, groups)
    assert alone.p_value < 0.01


def test_what_is_told_is_left_out_before_the_next_is_looked_for(monkeypatch):
    monkeypatch.setattr(slice_search, "DRAWS", 199)
    bad, wider = np.arange(400) < 40, np.arange(400) < 80
    correct = np.where(bad, np.arange(400) % 2, 1).astype(float)
    other = np.arange(400) >= 370
    correct[other] = np.arange(30) % 2
    candidates = [Candidate(name, "x", rows) for name, rows in (("wider", wider), ("bad", bad), ("other", other))]
    found = worse_slices(candidates, correct, np.zeros(400, int), np.arange(400))
    assert [one.slice.name for one in found] == ["bad", "other"]


def mixed_groups(seed: int, number: int, size: int, classes: int, rates: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Labels, groups and error rates of groups that hold images of several classes, and slices of whole groups."""
    draw = np.random.default_rng(seed)
    groups = np.repeat(np.arange(number), size)
    rows = (draw.random((10, number)) < 0.25)[:, groups]
    return draw.integers(0, classes, number * size), groups, draw.beta(*rates, number)[groups], rows


@pytest.mark.parametrize("shape", [(40, 12, 4, (0.5, 2.0)), (30, 20, 20, (1.0, 5.0))])
def test_groups_that_hold_several_classes_are_seldom_found_where_none_is_worse(shape, monkeypatch):
    monkeypatch.setattr(slice_search, "DRAWS", 99)
    wrong = 0
    for seed in range(40):
        labels, groups, rates, slices = mixed_groups(seed, *shape)
        correct = (np.random.default_rng(1000 + seed).random(len(labels)) >= rates).astype(float)
        wrong += bool(worse_slices([Candidate(f"{one}", "x", rows) for one, rows in enumerate(slices)], correct, labels, groups))
    assert wrong <= 6  # of 40 at a level of 5 %; about 18 where each class of a group moves on its own


def test_a_slice_of_groups_of_several_classes_that_is_worse_is_found():
    labels, groups, _, slices = mixed_groups(1, 40, 12, 4, (1.0, 9.0))
    draw = np.random.default_rng(0)
    rates = draw.beta(1, 9, 40)[groups] + 0.4 * slices[3]
    correct = (draw.random(len(labels)) >= rates).astype(float)
    found = worse_slices([Candidate(f"{one}", "x", rows) for one, rows in enumerate(slices)], correct, labels, groups)
    assert [one.slice.name for one in found] == ["3"]
    assert found[0].p_value < 0.01


def test_each_stratum_of_groups_of_several_keeps_its_number_of_errors():
    labels, groups, rates, _ = mixed_groups(0, 30, 7, 5, (0.5, 2.0))
    errors = (np.random.default_rng(0).random(len(labels)) < rates).astype(float)
    moved = slice_search._permuted(errors, labels, groups, np.random.default_rng(0))
    for one in range(5):
        np.testing.assert_allclose(moved[:, labels == one].sum(axis=1), errors[labels == one].sum())


def test_errors_of_a_group_move_together_and_to_places_of_their_class():
    strata, groups = np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.array([7, 7, 3, 3, 5, 5, 4, 4])
    moved = slice_search._permuted(np.array([1.0, 1, 0, 0, 0, 0, 2, 2]), strata, groups, np.random.default_rng(0))
    assert {tuple(row) for row in moved[:, [0, 1, 4, 5]].tolist()} == {(1, 1, 0, 0), (0, 0, 1, 1)}
    assert {tuple(row) for row in moved[:, [2, 3, 6, 7]].tolist()} == {(0, 0, 2, 2), (2, 2, 0, 0)}


def test_slices_that_are_whole_classes_are_compared_with_nothing_and_not_found():
    labels = np.arange(40) % 2
    dark = [Candidate("dark", "brightness", labels == 0)]
    for correct in (np.ones(40), np.where(labels == 0, 0.0, 1.0)):
        assert worse_slices(dark, correct, labels, np.arange(40)) == []


def test_a_slice_of_whole_classes_and_data_without_errors_have_nothing_to_compare():
    labels = np.repeat([0, 1, 2], 30)
    whole = Candidate("whole", "x", labels < 2)
    assert slice_search.testable([whole, Candidate("class", "x", labels == 0, within_classes=False)], labels)[0].name == "class"
    correct = np.where(labels < 2, np.arange(90) % 2, 1).astype(float)
    assert worse_slices([whole], correct, labels, np.arange(90)) == []
    part = Candidate("part", "x", np.arange(90) % 3 == 0)
    assert worse_slices([part], np.ones(90), labels, np.arange(90)) == []
