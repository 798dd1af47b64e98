from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from headstart.losses.conditioning import certainty_weights, conditioned, randomly_conditioned


def test_products_by_hand() -> None:
    features, probs = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 4.0]]), torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    expected = torch.tensor([[0.25, 0.5, 0.75, 0.75, 1.5, 2.25], [0.0, -1.0, 4.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(conditioned(features, probs), expected)


def test_they_are_the_outer_products() -> None:
    draw = np.random.default_rng(3)
    features, probs = draw.normal(size=(5, 7)), draw.dirichlet(np.ones(3), 5)
    expected = np.stack([np.outer(prob, feature).ravel() for prob, feature in zip(probs, features, strict=True)])
    np.testing.assert_allclose(conditioned(torch.tensor(features), torch.tensor(probs)), expected)


def test_random_mixtures_keep_inner_products_on_average() -> None:
    draw = torch.Generator().manual_seed(1)
    features, probs = torch.randn(2, 5, generator=draw), torch.tensor([[0.2, 0.8], [0.6, 0.4]])
    maps = torch.randn(5, 40_000, generator=draw), torch.randn(2, 40_000, generator=draw)
    shown, whole = randomly_conditioned(features, probs, *maps), conditioned(features, probs)
    torch.testing.assert_close(shown @ shown.T, whole @ whole.T, atol=0.1, rtol=0)


def test_sure_rows_count_more() -> None:
    probs = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.9, 0.1]], requires_grad=True)
    entropies = [0, math.log(2), -0.9 * math.log(0.9) - 0.1 * math.log(0.1)]
    raw = np.array([1 + math.exp(-entropy) for entropy in entropies])
    weights = certainty_weights(probs)
    np.testing.assert_allclose(weights, raw / raw.mean(), rtol=1e-6)
    assert float(weights[0] / weights[1]) == pytest.approx(2 / 1.5)
    assert not weights.requires_grad
