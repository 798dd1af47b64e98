"""Works run in this process unless another executor is entered, one at a time, in their order."""

from __future__ import annotations

import pytest

from headstart.core.executing import InProcess, Shared, Work, executing_on, executor, resolved


def doubled(number):
    return 2 * number


def test_works_run_here_by_default_with_the_values_that_are_shared():
    assert not executor().is_remote
    assert executor().submit(Work(doubled, (executor().share(4),))).result() == 8
    assert resolved((1, Shared("two"))) == [1, "two"]


def test_values_of_one_key_are_made_once_until_they_are_forgotten():
    chosen, made = InProcess(), []
    first = chosen.shared("a", lambda: made.append(1))
    assert chosen.shared("a", lambda: made.append(2)) is first
    assert chosen.shared("b", lambda: made.append(3)) is not first
    assert made == [1, 3]
    chosen.drop_started()
    chosen.shared("a", lambda: made.append(4))
    assert made == [1, 3, 4]


def test_results_come_in_order_and_each_work_runs_when_its_result_is_wanted():
    ran = []

    def noted(number):
        ran.append(number)
        return number

    results = executor().results(Work(noted, (number,)) for number in range(3))
    assert next(results) == 0
    assert ran == [0]
    assert list(results) == [1, 2]


def test_the_context_chooses_the_executor_and_drops_what_was_begun_at_its_end():
    class Noted(InProcess):
        dropped = False

        def drop_started(self):
            self.dropped = True

    chosen = Noted()
    with executing_on(chosen) as given:
        assert executor() is chosen is given
    assert executor() is not chosen
    assert chosen.dropped


def test_what_a_work_raises_is_raised_where_its_result_is_wanted():
    pending = executor().submit(Work(doubled, (None,)))
    with pytest.raises(TypeError):
        pending.result()
