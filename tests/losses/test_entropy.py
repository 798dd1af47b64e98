from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from headstart.losses.entropy import mean_entropy


def test_by_hand() -> None:
    assert float(mean_entropy(torch.zeros(4, 3))) == pytest.approx(math.log(3))
    assert float(mean_entropy(torch.tensor([[0.0, 200.0], [0.0, 0.0]]))) == pytest.approx(math.log(2) / 2)


def test_it_equals_scipy_s() -> None:
    probs = np.random.default_rng(1).dirichlet(np.ones(5), 7)
    assert float(mean_entropy(torch.tensor(np.log(probs) + 3))) == pytest.approx(entropy(probs, axis=1).mean())


def test_a_class_without_probability_is_finite() -> None:
    logits = torch.tensor([[0.0, -1e4]], requires_grad=True)
    mean_entropy(logits).backward()
    assert bool(logits.grad.isfinite().all())
