from __future__ import annotations

from itertools import pairwise

import pytest

from headstart.training.schedule import num_steps, rate_factor, side_share
from headstart.training.settings import Training


def test_steps_pass_the_rows_the_named_times() -> None:
    assert num_steps(Training(epochs=5, batch_size=7), 31) == 23
    assert num_steps(Training(epochs=1, batch_size=64), 3) == 1


def test_an_epoch_may_have_a_least_number_of_steps() -> None:
    assert num_steps(Training(epochs=5, batch_size=7), 31, least_steps=4) == 23
    assert num_steps(Training(epochs=5, batch_size=7), 31, least_steps=9) == 45


def test_warmup_is_linear_and_cosine_ends_near_zero() -> None:
    training = Training(warmup=0.2)
    factors = [rate_factor(training, step, 20) for step in range(20)]
    assert factors[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert factors[12] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(factors[4:]))
    assert 0 < factors[-1] < 0.01


def test_constant_stays_at_its_peak() -> None:
    training = Training(schedule="constant", warmup=0.0)
    assert [rate_factor(training, step, 7) for step in range(7)] == [1.0] * 7


def test_sides_grow_to_the_whole_over_the_first_half_in_eighths() -> None:
    training = Training(smallest_side=0.5)
    assert [side_share(training, step, 16) for step in (0, 1, 3, 4, 7, 8, 15)] == [0.5, 0.625, 0.75, 0.75, 1.0, 1.0, 1.0]
    assert {side_share(Training(), step, 16) for step in range(16)} == {1.0}
