from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.losses.consistency import squared_difference


def test_by_hand() -> None:
    one, other = torch.tensor([[0.5, 0.3, 0.2], [1, 0, 0]]), torch.tensor([[0.3, 0.3, 0.4], [0, 1, 0]])
    assert float(squared_difference(one, other)) == pytest.approx((0.04 + 0.04 + 1 + 1) / 6)


def test_its_gradient_is_twice_the_difference_over_all_values() -> None:
    draw = torch.Generator().manual_seed(1)
    one, other = torch.rand(5, 3, generator=draw, requires_grad=True), torch.rand(5, 3, generator=draw)
    squared_difference(one, other).backward()
    torch.testing.assert_close(one.grad, 2 * (one.detach() - other) / 15)


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7))
def test_it_is_0_for_equal_predictions_symmetric_and_bounded(seed: int, num_classes: int) -> None:
    draw = np.random.default_rng(seed)
    one, other = (torch.from_numpy(draw.dirichlet(np.full(num_classes, 0.1), 11)) for _ in range(2))
    assert float(squared_difference(one, one)) == 0
    found = float(squared_difference(one, other))
    assert found == pytest.approx(float(squared_difference(other, one)))
    assert 0 <= found <= 2 / num_classes
