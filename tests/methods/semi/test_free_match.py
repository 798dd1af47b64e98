from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scripted import Scripted, batch, logits

from headstart.methods.semi.free_match import FreeMatch, Means, adaptive_thresholds, fairness

TRAIN = logits([0.7, 0.2, 0.1])
WEAK = logits([0.6, 0.3, 0.1], [0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.3, 0.2, 0.5])
STRONG = logits([0.3, 0.5, 0.2], [0.6, 0.2, 0.2], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8])


def test_thresholds_are_the_mean_confidence_scaled_to_the_most_frequent_class() -> None:
    found = adaptive_thresholds(torch.tensor(0.8), torch.tensor([0.5, 0.25, 0.25]))
    np.testing.assert_allclose(found, [0.8, 0.4, 0.4])


def test_means_are_those_of_the_batch_at_first_and_then_run() -> None:
    memory = Means(0.9, 3).double()
    confidence, probs, shares = memory(WEAK.exp())
    assert float(confidence) == pytest.approx(2.3 / 4)
    np.testing.assert_allclose(probs, [0.375, 0.375, 0.25])
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25])
    confidence, _, shares = memory(torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64))
    assert float(confidence) == pytest.approx((0.9 * 0.575 + 1) / 1.9)
    np.testing.assert_allclose(shares, (0.9 * np.array([0.5, 0.25, 0.25]) + [0, 0, 1]) / 1.9)


def test_rows_count_from_the_threshold_of_their_class() -> None:
    losses = FreeMatch(unlabeled_weight=2).losses(Scripted(Means(0.999, 3).double()), batch(TRAIN, [0], WEAK, STRONG), 0.0)
    # Thresholds 0.575, 0.575 and 0.383: the second row, whose 0.5 is for the first class, is left out.
    assert float(losses["free_match"]) == pytest.approx(2 * -(math.log(0.3) + math.log(0.5) + math.log(0.8)) / 4)
    assert float(losses["cross_entropy"]) == pytest.approx(-math.log(0.7))
    kept = STRONG.exp()[[0, 2, 3]]
    found = fairness(kept, torch.tensor([0.375, 0.375, 0.25]), torch.tensor([0.5, 0.25, 0.25]))
    assert float(losses["fairness"]) == pytest.approx(0.01 * float(found), rel=1e-6)


def test_fairness_by_hand() -> None:
    # Predicted as the second, second and third class; the first one is left out.
    strong = torch.tensor([[0.3, 0.5, 0.2], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8]])
    probs, shares = torch.tensor([0.375, 0.375, 0.25]), torch.tensor([0.5, 0.25, 0.25])
    wanted = np.array([0.75, 1.5, 1.0]) / 3.25
    means = np.array([0.65, 1.1, 1.25]) / 3
    found = means[1:] / [2 / 3, 1 / 3]
    found /= found.sum()
    expected = (wanted[1:] * np.log(found)).sum()
    assert float(fairness(strong, probs, shares)) == pytest.approx(expected, rel=1e-5)


def test_fairness_favors_the_class_that_is_seldom_predicted() -> None:
    scores = logits([0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.45, 0.55]).requires_grad_()
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    fairness(scores.softmax(dim=1), half, half).backward()
    assert scores.grad is not None
    assert bool((scores.grad[:, 0] > 0).all())  # a step lowers the first class's score
    assert bool((scores.grad[:, 1] < 0).all())


def test_fairness_is_0_with_a_gradient_where_no_view_counts() -> None:
    none = torch.zeros(0, 3, requires_grad=True)
    loss = fairness(none.softmax(dim=1), torch.ones(3) / 3, torch.ones(3) / 3)
    assert float(loss.detach()) == 0
    loss.backward()


def test_fairness_stays_finite_where_a_class_was_never_predicted() -> None:
    strong = torch.tensor([[1.0, 0.0, 0.0]], requires_grad=True)
    loss = fairness(strong, torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert strong.grad is not None
    assert bool(strong.grad.isfinite().all())
