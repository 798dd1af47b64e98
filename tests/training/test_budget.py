from __future__ import annotations

import pytest

from headstart.training.budget import pretraining_training, scratch_training
from headstart.training.schedule import num_steps


@pytest.mark.parametrize(("num_rows", "side", "steps"), [(100, 8, 600), (20, 8, 602), (100, 64, 900), (60_000, 28, 3750)])
def test_few_rows_get_enough_steps_and_many_rows_enough_epochs(num_rows: int, side: int, steps: int) -> None:
    assert num_steps(scratch_training(num_rows, side), num_rows) == pytest.approx(steps, abs=2)


@pytest.mark.parametrize(
    ("num_rows", "batch_size", "steps"), [(5, 2, 2_000), (400, 100, 2_000), (20_000, 256, 2_000), (60_000, 256, 4_687)]
)
def test_pretraining_takes_two_thousand_steps_and_twenty_epochs_at_least(num_rows: int, batch_size: int, steps: int) -> None:
    training = pretraining_training(num_rows, seed=7)
    assert (training.batch_size, training.seed) == (batch_size, 7)
    assert training.epochs >= 20
    assert steps <= num_steps(training, num_rows) <= 1.05 * steps
