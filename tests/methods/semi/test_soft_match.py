from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.methods.semi.soft_match import Means, SoftMatch, truncated_gaussian

TRAIN = logits([0.7, 0.2, 0.1])
WEAK = logits([0.6, 0.3, 0.1], [0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.4, 0.2, 0.4])
STRONG = logits([0.3, 0.5, 0.2], [0.6, 0.2, 0.2], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8])


def test_the_weight_is_1_from_the_mean_on_and_falls_along_a_gaussian() -> None:
    confidence = torch.tensor([0.9, 0.7, 0.6, 0.3])
    found = truncated_gaussian(confidence, torch.tensor(0.7), torch.tensor(0.04))
    np.testing.assert_allclose(found, [1, 1, math.exp(-0.125), math.exp(-2)], rtol=1e-5)


def test_without_spread_rows_at_the_mean_count_fully_and_others_not() -> None:
    found = truncated_gaussian(torch.tensor([0.7, 0.6]), torch.tensor(0.7), torch.tensor(0.0))
    assert found.tolist() == [1, 0]
    hardly = truncated_gaussian(torch.tensor([1e-30]), torch.tensor(2e-30), torch.tensor(0.0))
    assert hardly.tolist() == [1]  # the square is 0, and so is the variance


def weights(probs: np.ndarray) -> np.ndarray:
    scaled = probs / probs.mean(axis=0) / 3
    confidence = (scaled / scaled.sum(axis=1, keepdims=True)).max(axis=1)
    below = np.minimum(confidence - confidence.mean(), 0)
    return np.exp(-(below**2) / (2 * confidence.var()))


def test_confidence_is_taken_after_scaling_to_equal_shares() -> None:
    found = Means(0.999, 3).double().weights(WEAK.exp())
    np.testing.assert_allclose(found, weights(WEAK.exp().numpy()))
    assert float(found.max()) == 1
    assert float(found.min()) < 0.9


def test_every_row_teaches_its_own_likeliest_class_by_its_weight() -> None:
    losses = SoftMatch(unlabeled_weight=2).losses(Scripted(Means(0.999, 3).double()), batch(TRAIN, [0], WEAK, STRONG), 0.0)
    expected = -(weights(WEAK.exp().numpy()) * np.log([0.3, 0.6, 0.5, 0.1])).mean()
    assert float(losses["soft_match"]) == pytest.approx(2 * expected)
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.7))


def test_mean_and_spread_run_over_the_steps() -> None:
    memory = Means(0.9, 2).double()
    even = torch.tensor([[0.8, 0.2], [0.2, 0.8]], dtype=torch.float64)
    memory.weights(even)
    memory.weights(torch.tensor([[0.7, 0.3], [0.3, 0.7]], dtype=torch.float64))
    found = memory.weights(torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], dtype=torch.float64))
    total = 0.9**2 + 0.9 + 1
    # The shares are even in every batch, so nothing is scaled.
    mean = (0.9**2 * 0.8 + 0.9 * 0.7 + (0.9 + 0.6 + 0.8) / 3) / total
    variance = (np.var([0.9, 0.6, 0.8])) / total
    assert float(memory.probs.total.sum()) == pytest.approx(0.1 * total)
    np.testing.assert_allclose(found, np.exp(-(np.minimum(np.array([0.9, 0.6, 0.8]) - mean, 0) ** 2) / (2 * variance)))
