from __future__ import annotations

import pytest
import torch

from headstart.losses.feature_norm import norm_gap


def test_its_value_is_the_squared_step() -> None:
    assert float(norm_gap(torch.randn(5, 3), 0.5)) == pytest.approx(0.25)


def test_its_gradient_lengthens_every_row_by_hand() -> None:
    features = torch.tensor([[3.0, 4.0], [0.0, -2.0]], requires_grad=True)
    norm_gap(features, 1.0).backward()
    # -2 step / rows along the unit vector
    torch.testing.assert_close(features.grad, torch.tensor([[-0.6, -0.8], [0.0, 1.0]]))
