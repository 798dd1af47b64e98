"""The table of a simulation and its sentence."""

from __future__ import annotations

import pytest

from headstart.cluster.simulation import simulation_of
from headstart.cluster.simulator import Conditions, SimulatedWork
from headstart.core.language import language_named

FOLDS = [SimulatedWork("training", 1_800.0) for _ in range(8)]


def test_a_row_has_time_speed_up_efficiency_hours_and_cost():
    made = simulation_of([*FOLDS, SimulatedWork("fit", 3_600.0, after=tuple(range(8)), on_driver=True)], (1, 4), price=2.0)
    rows = [(row.num_workers, row.seconds, row.machine_hours, row.cost, row.num_repeated) for row in made.workers]
    assert rows == [(1, 18_000.0, 5.0, 10.0, 0), (4, 7_200.0, 8.0, 16.0, 0)]
    assert [(row.speed_up, row.efficiency) for row in made.workers] == [(1.0, 1.0), (2.5, 0.625)]
    assert (made.num_works, made.one_process_seconds, made.least_seconds) == (8, 18_000.0, 5_400.0)
    assert made.sentence == (
        "No number of workers takes less than 5,400.0 s: steps wait for each other (fit 3,600.0 s, training 1,800.0 s)."
    )


def test_without_a_price_there_is_no_cost():
    assert [row.cost for row in simulation_of(FOLDS, (1, 2)).workers] == [None, None]


def test_the_driver_is_named_where_it_is_the_limit():
    made = simulation_of([SimulatedWork("extraction", 3.0) for _ in range(1_000)], (64,), Conditions(driver_seconds=0.1))
    assert made.sentence == (
        "No number of workers takes less than 100.0 s: so long one process hands out works and takes their results. "
        "Make works larger."
    )
    assert made.workers[0].seconds == pytest.approx(103.0, rel=0.01)


def test_the_sentences_are_said_in_chinese():
    chinese = language_named("zh")
    for made in (
        simulation_of(FOLDS, (1,)),
        simulation_of([SimulatedWork("extraction", 3.0) for _ in range(1_000)], (64,), Conditions(driver_seconds=0.1)),
    ):
        said = chinese.sentence(made.sentence)
        assert "worker" not in said
        assert "step" not in said
