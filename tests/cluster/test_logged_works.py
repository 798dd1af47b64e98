"""The works of a run's log: what waits for what, whose time extraction is taken from, and that no second is lost."""

from __future__ import annotations

import pytest

from headstart.cluster.logged_works import Extraction, Step, works_of
from headstart.cluster.simulator import bounds_of, simulate

LOG = (
    Step("first", 9.0),
    Step("inspect", 0.5),
    Step("evidence", 4.0),
    Step("evidence", 5.0),
    Step("rank", 10.0),
    Step("fold", 3.0),
    Step("fold", 1.0),
    Step("cost", 2.0),
    Step("fold", 50.0),
    Step("fold", 60.0),
    Step("decide", 120.0),
    Step("fit", 7.0),
)
"""Of a run whose last two folds trained a network."""


def seconds_by_name(steps, num_trained, extractions=()):
    found: dict[str, float] = {}
    for work in works_of(steps, num_trained, extractions):
        found[work.name] = found.get(work.name, 0.0) + work.seconds
    return found


def test_a_step_counts_once_where_it_is_inside_of_another_one():
    assert seconds_by_name(LOG, 2) == {
        "first": 9.0, "inspect": 0.5, "evidence": 9.0, "rank": 1.0, "fold": 4.0, "cost": 2.0, "training": 110.0, "decide": 4.0,
        "fit": 7.0,
    }  # fmt: skip


def test_one_worker_takes_as_long_as_the_run_and_trained_folds_run_together():
    made = works_of(LOG, 2)
    assert [simulate(made, number).seconds for number in (1, 2, 100)] == pytest.approx([146.5, 96.5, 96.5])
    assert [(work.name, work.on_driver) for work in made if not work.on_driver] == [("training", False)] * 2
    assert bounds_of(made).critical_path[0] == ("training", 60.0)


def test_features_are_extracted_by_workers_in_works_of_some_pictures_and_taken_from_the_longest_steps():
    made = works_of(LOG, 2, [Extraction("lite0 at 160 pixels", 1_280, 128.0)], images_per_work=512)
    assert [work.seconds for work in made if work.name == "extraction"] == [5.0, 5.0]
    assert bounds_of(made).total_seconds == pytest.approx(146.5)
    assert seconds_by_name(LOG, 2, [Extraction("lite0", 1_280, 128.0)])["first"] == 0.0


def test_more_extraction_than_there_was_time_for_takes_no_step_below_nothing():
    found = seconds_by_name(LOG, 2, [Extraction("lite0", 10_000, 10.0)])
    assert min(found.values()) == 0.0
    assert found["training"] == 110.0


def test_a_run_that_was_killed_has_the_steps_it_finished():
    assert seconds_by_name(LOG[:9], 1) == {
        "first": 9.0, "inspect": 0.5, "evidence": 9.0, "rank": 1.0, "fold": 4.0, "cost": 2.0, "training": 50.0,
    }  # fmt: skip


def test_no_step_gives_no_work_and_no_trained_fold_none_for_workers():
    assert works_of((), 0) == ()
    assert all(work.on_driver for work in works_of(LOG, 0))


def test_candidates_of_an_adaptation_run_together():
    log = (Step("rank", 1.0), Step("adapted", 2.0), Step("adapted", 5.0), Step("adapt", 8.0), Step("fit", 1.0))
    made = works_of(log, 0)
    assert [simulate(made, number).seconds for number in (1, 2)] == [10.0, 8.0]
    assert [simulate(works_of(log[:3], 0), number).seconds for number in (1, 2)] == [8.0, 6.0]
