"""The simulator against times worked out by hand, and against bounds that every schedule keeps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.cluster.simulator import Bounds, Conditions, SimulatedWork, bounds_of, simulate
from headstart.core.errors import PlanError

SECONDS = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=30)
NUMBERS = st.integers(1, 12)


def works(*seconds: float) -> list[SimulatedWork]:
    return [SimulatedWork("fold", one) for one in seconds]


@pytest.mark.parametrize(
    ("seconds", "num_workers", "expected"),
    [
        ([10.0] * 8, 4, 20.0),
        ([10.0] * 8, 3, 30.0),
        ([10.0] * 8, 8, 10.0),
        ([10.0] * 8, 1_000, 10.0),
        ([1.0, 1.0, 1.0, 9.0], 2, 10.0),  # the long one begins after the first short ones
        ([9.0, 1.0, 1.0, 1.0], 2, 9.0),
        ([3.0, 5.0, 7.0], 1, 15.0),
        ([], 3, 0.0),
    ],
)
def test_works_take_the_time_of_list_scheduling(seconds, num_workers, expected):
    assert simulate(works(*seconds), num_workers).seconds == expected


def test_one_process_takes_the_sum_and_keeps_its_worker_busy():
    found = simulate(works(3.0, 5.0, 7.0), 1)
    assert (found.seconds, found.busy_seconds, found.driver_seconds, found.num_repeated) == (15.0, 15.0, 0.0, 0)


def test_a_late_first_result_keeps_the_executor_from_beginning_more():
    """Two workers: four works at most are begun, so that after the first three short ones a worker waits for the long first."""
    assert simulate(works(10.0, *[1.0] * 9), 2).seconds == 13.0  # 1 to 3 until 3 s; the other six from 10 s on, by two workers


def test_the_driver_hands_out_one_work_after_the_other():
    found = simulate(works(*[1.0] * 10), 10, Conditions(driver_seconds=0.5))
    assert (found.seconds, found.driver_seconds) == (6.0, 5.0)


def test_bytes_pass_through_the_link_of_the_driver():
    sent = [SimulatedWork("extraction", 1.0, num_bytes=200.0) for _ in range(4)]
    assert simulate(sent, 4, Conditions(bytes_per_second=100.0)).seconds == 9.0


def test_a_work_costs_its_worker_something_beside_its_seconds():
    assert simulate(works(*[1.0] * 6), 2, Conditions(worker_seconds=0.25)).seconds == 3.75


def test_works_wait_for_what_they_need_and_for_the_driver():
    folds = [SimulatedWork("fold", 4.0, after=(0,)) for _ in range(4)]
    decided = SimulatedWork("decide", 2.0, after=(1, 2, 3, 4), on_driver=True)
    chain = [SimulatedWork("rank", 3.0, on_driver=True), *folds, decided]
    assert [simulate(chain, number).seconds for number in (1, 2, 4, 100)] == [21.0, 13.0, 9.0, 9.0]
    assert bounds_of(chain) == Bounds(21.0, 9.0, 5.0, (("fold", 4.0), ("rank", 3.0), ("decide", 2.0)))


def test_slow_works_are_as_many_as_their_share():
    found = simulate(works(*[1.0] * 1_000), 1, Conditions(slow_share=0.2, slow_factor=3.0))
    assert found.seconds == pytest.approx(1_400.0, rel=0.05)


def test_lost_works_begin_again_and_workers_are_replaced():
    """One loss an hour and works of an hour: e attempts each in the mean, of (e - 1) hours altogether."""
    conditions = Conditions(hours_between_losses=1.0)
    found = simulate(works(*[3_600.0] * 2_000), 50, conditions)
    assert found.num_repeated / 2_000 == pytest.approx(math.e - 1, rel=0.05)
    assert found.busy_seconds / 2_000 == pytest.approx(3_600 * (math.e - 1), rel=0.05)
    slower = simulate(works(*[3_600.0] * 2_000), 50, Conditions(hours_between_losses=1.0, replacement_seconds=600.0))
    assert (slower.num_repeated, slower.busy_seconds) == (found.num_repeated, pytest.approx(found.busy_seconds))
    assert slower.seconds > found.seconds


def test_the_same_seed_gives_the_same_time_and_another_one_another():
    times = [simulate(works(*[60.0] * 200), 7, Conditions(hours_between_losses=0.1, seed=seed)).seconds for seed in (3, 3, 4)]
    assert times[0] == times[1] != times[2]


@given(SECONDS, NUMBERS)
def test_a_schedule_lies_between_its_bounds(seconds, num_workers):
    found = simulate(works(*seconds), num_workers, Conditions(slow_share=0.0))
    lower = max(*seconds, sum(seconds) / num_workers)
    assert found.seconds >= lower * (1 - 1e-9)
    assert found.seconds <= sum(seconds) * (1 + 1e-9)
    assert found.busy_seconds == pytest.approx(sum(seconds))


@given(SECONDS, NUMBERS, st.floats(0.0, 1.0))
def test_works_that_need_nothing_of_each_other_take_no_longer_with_one_more_worker(seconds, num_workers, driver_seconds):
    conditions = Conditions(driver_seconds=driver_seconds, slow_share=0.3, slow_factor=5.0)
    fewer, more = (simulate(works(*seconds), number, conditions).seconds for number in (num_workers, num_workers + 1))
    assert more <= fewer * (1 + 1e-9)


def test_works_that_need_each_other_may_take_longer_with_one_more_worker():
    """Graham's example of 1969: nine tasks take 12 on three processors and 15 on four."""
    times = (3, 2, 2, 2, 4, 4, 4, 4, 9)
    needs = {4: (3,), 5: (3,), 6: (3,), 7: (3,), 8: (0,)}
    graham = [SimulatedWork("task", float(time), after=needs.get(place, ())) for place, time in enumerate(times)]
    assert [simulate(graham, number).seconds for number in (3, 4)] == [12.0, 15.0]


@given(SECONDS, NUMBERS, st.floats(0.001, 1.0), st.floats(0.0, 0.1))
def test_no_schedule_beats_the_bounds_that_are_told(seconds, num_workers, driver_seconds, worker_seconds):
    conditions = Conditions(driver_seconds=driver_seconds, worker_seconds=worker_seconds)
    chain = [SimulatedWork("fold", one, after=(place - 3,) if place >= 3 else ()) for place, one in enumerate(seconds)]
    told, found = bounds_of(chain, conditions), simulate(chain, num_workers, conditions)
    assert found.seconds >= max(told.critical_seconds, told.driver_seconds) * (1 - 1e-9)


def test_what_cannot_be_simulated_is_refused():
    with pytest.raises(PlanError) as refused:
        simulate(works(1.0), 0)
    assert str(refused.value) == "0 workers can do nothing. Give 1 or more."
    with pytest.raises(PlanError) as refused:
        simulate([SimulatedWork("fold", 1.0, after=(0,))], 1)
    assert str(refused.value) == "Work 0 (fold) needs works [0]; only those before it can be needed."
    with pytest.raises(PlanError) as refused:
        simulate([SimulatedWork("fit", 3_600_000.0)], 1, Conditions(hours_between_losses=1.0))
    assert str(refused.value) == (
        "fit takes 1e+03 hours, and a worker is lost every 1 hours: it was lost 100 times. Make smaller works."
    )
