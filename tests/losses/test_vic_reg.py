from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.losses.vic_reg import EPSILON, covariance_penalty, variance_hinge


def drawn(seed: int, count: int = 11, width: int = 5) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    scales = torch.tensor([0.2, 0.7, 1.1, 2.0, 0.05])[:width]
    return torch.randn(count, width, generator=draw) * scales + 3


def test_the_hinge_by_hand() -> None:
    # Variances (divided by n - 1) are 2 and 0: the first is above 1, the second costs 1 - sqrt(epsilon).
    embeddings = torch.tensor([[1.0, 5.0], [-1.0, 5.0]])
    assert float(variance_hinge(embeddings)) == pytest.approx((1 - math.sqrt(EPSILON)) / 2)


def test_the_hinge_equals_numpy() -> None:
    embeddings = drawn(1)
    deviations = np.sqrt(embeddings.double().numpy().var(axis=0, ddof=1) + 1e-4)
    assert (deviations > 1).any()
    assert (deviations < 1).any()
    assert float(variance_hinge(embeddings)) == pytest.approx(np.maximum(0, 1 - deviations).mean(), rel=1e-5)


def test_a_dimension_that_does_not_vary_has_a_finite_gradient() -> None:
    embeddings = torch.ones(5, 3, requires_grad=True)
    variance_hinge(embeddings).backward()
    assert torch.isfinite(embeddings.grad).all()


def test_the_penalty_by_hand() -> None:
    # About their mean the rows are (1, 3) and (-1, -3): the covariance is (3 + 3) / (2 - 1), and it stands there twice.
    embeddings = torch.tensor([[5.0, 3.0], [3.0, -3.0]])
    assert float(covariance_penalty(embeddings)) == pytest.approx((6**2 + 6**2) / 2)


def test_the_penalty_equals_numpy() -> None:
    embeddings = drawn(2)
    covariances = np.cov(embeddings.double().numpy(), rowvar=False)
    expected = (covariances[~np.eye(5, dtype=bool)] ** 2).sum() / 5
    assert float(covariance_penalty(embeddings)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.floats(-20, 20))
def test_both_are_zero_at_their_optimum_and_do_not_see_a_shift(seed: int, shift: float) -> None:
    embeddings = drawn(seed)
    assert float(variance_hinge(embeddings + shift)) == pytest.approx(float(variance_hinge(embeddings)), abs=1e-4)
    assert float(covariance_penalty(embeddings + shift)) == pytest.approx(
        float(covariance_penalty(embeddings)), rel=1e-3, abs=1e-4
    )
    assert float(covariance_penalty(embeddings)) >= 0
    whitened = torch.linalg.qr(embeddings - embeddings.mean(0)).Q * 4  # columns at right angles, variance 16 / 10
    assert float(variance_hinge(whitened)) == 0
    assert float(covariance_penalty(whitened)) == pytest.approx(0, abs=1e-5)


@pytest.mark.slow  # to import lightly
@pytest.mark.filterwarnings("ignore")
def test_the_weighted_sum_equals_the_loss_of_lightly() -> None:
    lightly = pytest.importorskip("lightly.loss")
    first, second = drawn(3), drawn(4) + 0.2
    expected = float(lightly.VICRegLoss(lambda_param=25.0, mu_param=25.0, nu_param=1.0)(first, second))
    variance = (variance_hinge(first) + variance_hinge(second)) / 2
    covariance = covariance_penalty(first) + covariance_penalty(second)
    total = 25 * torch.nn.functional.mse_loss(first, second) + 25 * variance + covariance
    assert float(total) == pytest.approx(expected, rel=1e-5)
