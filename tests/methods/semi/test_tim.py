"""TIM: its loss by hand and its gradient by automatic differentiation, its constraint, and its head."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rows_made import pool_made
from scipy.optimize import approx_fprime

from headstart.heads.class_statistics import one_hot
from headstart.methods.semi.tim import TIM, Information


def problem(tim: TIM, seed: int = 0) -> tuple[Information, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = one_hot(np.array([0, 1, 1, 2, 1]), 3)
    return Information(random.normal(size=(5, 4)), targets, random.normal(size=(11, 4)) + 0.3, tim), random.normal(size=12)


def by_torch(information: Information, flat: np.ndarray) -> tuple[float, np.ndarray]:
    """The paper's eq. 3 with the divergence in place of the marginal entropy, written anew."""
    prototypes = torch.tensor(flat.reshape(3, -1), requires_grad=True)
    tim = information.weights

    def log_probs(rows: np.ndarray) -> torch.Tensor:
        distances = ((torch.tensor(rows)[:, None] - prototypes[None]) ** 2).sum(dim=2)
        return torch.log_softmax(-0.5 * tim.temperature * distances, dim=1)

    targets = torch.tensor(information.targets)
    cross_entropy = -(targets * log_probs(information.labeled)).sum(dim=1).mean()
    logs = log_probs(information.unlabeled)
    probs = logs.exp()
    mean, shares = probs.mean(dim=0), targets.mean(dim=0)
    divergence = (mean * (mean.log() - shares.log())).sum()
    entropy = -(probs * logs).sum(dim=1).mean()
    loss = tim.cross_entropy * cross_entropy + divergence + tim.conditional * entropy
    loss.backward()
    return loss.item(), prototypes.grad.numpy().ravel()


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.7, "cross_entropy": 0.6, "conditional": 2.3}])
def test_loss_and_gradient_are_those_of_automatic_differentiation(settings):
    information, flat = problem(TIM(**settings))
    value, gradient = information.loss(flat)
    expected, slope = by_torch(information, flat)
    assert value == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-12)


def test_gradient_is_that_of_finite_differences():
    information, flat = problem(TIM(temperature=2.0), seed=3)
    numeric = approx_fprime(flat, lambda at: information.loss(at)[0], 1e-7)
    np.testing.assert_allclose(information.loss(flat)[1], numeric, rtol=1e-4, atol=1e-6)


def test_a_hand_derived_loss():
    """Prototypes 0 and 1 on a line, tau 2: scores of 0.5 are equal, so its entropy is ln 2 and the mean prediction is even."""
    labeled, unlabeled = np.array([[0.0], [1.0]]), np.array([[0.5], [0.5]])
    tim = TIM(temperature=2.0, cross_entropy=0.3, conditional=0.7)
    value, _ = Information(labeled, np.eye(2), unlabeled, tim).loss(np.array([0.0, 1.0]))
    # -|0 - 1|^2 against 0: the right class has probability 1 / (1 + e^-1).
    assert value == pytest.approx(0.3 * np.log(1 + np.exp(-1)) + 0.0 + 0.7 * np.log(2))


def test_prototypes_lower_the_loss_from_the_class_means():
    pool, _ = pool_made(2)
    tim = TIM()
    rows = pool.rows / np.sqrt(np.mean((pool.rows**2).sum(axis=1)))
    known = pool.labels >= 0
    information = Information(rows[known], one_hot(pool.labels[known], 3), rows[~known], tim)
    means = np.stack([rows[pool.labels == label].mean(axis=0) for label in range(3)])
    found = tim._prototypes(pool, pool.labels)
    scale = 1 / np.sqrt(np.mean((pool.rows**2).sum(axis=1)))
    prototypes = found.weight[:, :3].T / (tim.temperature * scale)
    np.testing.assert_allclose(found.bias[:3], -0.5 * tim.temperature * (prototypes**2).sum(axis=1), rtol=1e-6)
    assert information.loss(prototypes.ravel())[0] < information.loss(means.ravel())[0] - 0.01
    assert np.abs(information.loss(prototypes.ravel())[1]).max() < 0.05


def test_the_mean_prediction_keeps_the_labeled_shares():
    pool, _ = pool_made(3)
    labels = pool.labels.copy()
    labels[np.flatnonzero(labels == 1)[1:]] = -1
    found = TIM()._prototypes(pool, labels)
    scores = pool.rows[labels == -1] @ found.weight + found.bias
    probs = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probs.mean(axis=0)[:3], [3 / 7, 1 / 7, 3 / 7], atol=0.06)
