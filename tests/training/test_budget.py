from __future__ import annotations

import pytest

from headstart.training.budget import scratch_training
from headstart.training.schedule import num_steps


@pytest.mark.parametrize(("num_rows", "side", "steps"), [(100, 8, 600), (20, 8, 602), (100, 64, 900), (60_000, 28, 3750)])
def test_few_rows_get_enough_steps_and_many_rows_enough_epochs(num_rows: int, side: int, steps: int) -> None:
    assert num_steps(scratch_training(num_rows, side), num_rows) == pytest.approx(steps, abs=2)
