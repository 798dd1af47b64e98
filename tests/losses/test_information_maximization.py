from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from headstart.losses.entropy import mean_entropy
from headstart.losses.information_maximization import information_maximization

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 0.0]], dtype=torch.float64)


def test_a_known_value() -> None:
    assert float(information_maximization(LOGITS)) == pytest.approx(-0.243612, abs=5e-7)


def test_it_is_minus_the_mutual_information() -> None:
    probs = np.random.default_rng(1).dirichlet(np.ones(3), 7)
    joint = probs / 7
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    expected = -(joint * np.log(joint / independent)).sum()
    assert float(information_maximization(torch.tensor(np.log(probs)))) == pytest.approx(expected)
    assert expected == pytest.approx(entropy(probs, axis=1).mean() - entropy(probs.mean(axis=0)))


def test_sure_and_various_predictions_reach_the_lowest_value() -> None:
    assert float(information_maximization(200 * torch.eye(3))) == pytest.approx(-math.log(3))
    assert float(information_maximization(200 * torch.eye(3)[[1, 1]])) == pytest.approx(0, abs=1e-6)


def test_without_diversity_it_is_the_entropy() -> None:
    assert float(information_maximization(LOGITS, 0.0)) == pytest.approx(float(mean_entropy(LOGITS)))
