from __future__ import annotations

import pytest

from headstart.core.errors import PlanError
from headstart.training.budget import fine_tuning_training, pretraining_training, scratch_training
from headstart.training.schedule import num_steps


@pytest.mark.parametrize(
    ("num_rows", "side", "steps"), [(100, 8, 900), (20, 8, 900), (2_000, 64, 907), (5_000, 28, 938), (60_000, 28, 7500)]
)
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


def test_fine_tuning_is_short_in_small_batches_and_the_user_s_fields_replace_its_own() -> None:
    training = fine_tuning_training(7, {"epochs": 3})
    assert (training.epochs, training.batch_size, training.lr, training.seed) == (3, 16, 2e-3, 7)
    with pytest.raises(PlanError, match=r'^--set training: epoch is not a field\. Did you mean "epochs"\?$'):
        fine_tuning_training(0, {"epoch": 3})
