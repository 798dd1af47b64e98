from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.losses.risk_variance import risk_variance


def test_by_hand_and_by_numpy() -> None:
    assert float(risk_variance(torch.tensor([1.0, 3.0]))) == pytest.approx(1)
    losses = np.array([0.3, 1.7, 0.9, 2.2])
    assert float(risk_variance(torch.tensor(losses))) == pytest.approx(losses.var())


def test_equal_losses_vary_by_nothing() -> None:
    assert float(risk_variance(torch.full((3,), 2.5))) == 0
