from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from headstart.losses.information_maximization import information_maximization
from headstart.losses.share_divergence import share_divergence


def logits_of(*probs: list[float]) -> torch.Tensor:
    return torch.tensor(probs, dtype=torch.float64).log()


def test_it_is_zero_where_the_mean_prediction_is_as_expected_and_positive_elsewhere() -> None:
    logits = logits_of([0.9, 0.1], [0.3, 0.7], [0.6, 0.4])
    assert float(share_divergence(logits, torch.tensor([0.6, 0.4]))) == pytest.approx(0, abs=1e-7)
    assert float(share_divergence(logits, torch.tensor([0.5, 0.5]))) > 0.01


def test_it_equals_scipy_s_divergence() -> None:
    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    shares = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    expected = rel_entr(logits.softmax(dim=1).mean(dim=0).numpy(), shares).sum()
    assert float(share_divergence(logits, torch.from_numpy(shares))) == pytest.approx(expected)


def test_with_equal_shares_it_is_the_diversity_of_information_maximization() -> None:
    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    without, diverse = information_maximization(logits, 0.0), information_maximization(logits, 1.0)
    assert float(share_divergence(logits, torch.full((5,), 0.2).double())) == pytest.approx(
        math.log(5) + float(diverse - without)
    )


def test_one_class_for_every_row_has_a_finite_slope_that_leads_away() -> None:
    logits = torch.tensor([[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]], requires_grad=True)
    share_divergence(logits, torch.tensor([0.4, 0.5, 0.1])).backward()
    assert bool(logits.grad.isfinite().all())
    assert bool((logits.grad[:, 0] > 0).all())
    assert bool((logits.grad[:, 1] < 0).all())
