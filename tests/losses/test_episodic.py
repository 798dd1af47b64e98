from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge

from headstart.losses.episodic import cosine_logits, distance_logits, episode_loss, prototypes, ridge_weights

WAYS, SHOTS, QUERIES, WIDTH, EPISODES = 3, 2, 4, 5, 7
LABELS = torch.arange(WAYS).repeat_interleave(SHOTS)


def drawn(shots: int = SHOTS) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    support = torch.randn(EPISODES, WAYS * shots, WIDTH, generator=draw, dtype=torch.float64) + 1
    query = torch.randn(EPISODES, QUERIES, WIDTH, generator=draw, dtype=torch.float64) - 0.5
    targets = torch.nn.functional.one_hot(torch.arange(WAYS).repeat_interleave(shots), WAYS).double()
    return support, targets.expand(EPISODES, -1, -1), query


def test_prototype_logits_are_minus_squared_distances_to_class_means() -> None:
    support, targets, query = drawn()
    logits = distance_logits(query, prototypes(support, targets)).numpy()
    for episode in range(EPISODES):
        means = np.stack([support[episode][way == LABELS].mean(dim=0).numpy() for way in range(WAYS)])
        np.testing.assert_allclose(logits[episode], -cdist(query[episode].numpy(), means, "sqeuclidean"), atol=1e-12)


def test_prototypes_at_one_shot_are_the_nearest_neighbor() -> None:
    support, targets, query = drawn(shots=1)
    found = distance_logits(query, prototypes(support, targets)).argmax(dim=-1).numpy()
    nearest = [cdist(q.numpy(), s.numpy()).argmin(axis=1) for s, q in zip(support, query, strict=True)]
    np.testing.assert_array_equal(found, nearest)


def test_cosine_logits_by_hand() -> None:
    query, centers = torch.tensor([[3.0, 4.0]]), torch.tensor([[2.0, 0.0], [0.0, -5.0], [6.0, 8.0]])
    np.testing.assert_allclose(cosine_logits(query, centers, 10.0), [[6.0, -8.0, 10.0]], rtol=1e-6)


@pytest.mark.parametrize("width", [2, 5, 13])
def test_ridge_weights_are_those_of_scikit_learn_whatever_the_width(width: int) -> None:
    draw = torch.Generator().manual_seed(width)
    support = torch.randn(7, width, generator=draw, dtype=torch.float64)
    targets = torch.randn(7, 3, generator=draw, dtype=torch.float64)
    expected = Ridge(alpha=0.7, fit_intercept=False).fit(support.numpy(), targets.numpy()).coef_.T
    np.testing.assert_allclose(ridge_weights(support, targets, 0.7), expected, atol=1e-10)


@pytest.mark.parametrize("head", ["distance", "cosine", "ridge"])
def test_many_episodes_at_once_equal_one_by_one(head: str) -> None:
    def logits(support: torch.Tensor, targets: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        if head == "ridge":
            return query @ ridge_weights(support, targets, 0.3)
        centers = prototypes(support, targets)
        return distance_logits(query, centers) if head == "distance" else cosine_logits(query, centers, 7.0)

    support, targets, query = drawn()
    together = logits(support, targets, query)
    alone = [logits(support[place], targets[place], query[place]) for place in range(EPISODES)]
    np.testing.assert_allclose(together, torch.stack(alone), atol=1e-6)


def test_gradients_flow_through_the_ridge_solution() -> None:
    support, targets, query = drawn()
    few = support[0, :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: query[0] @ ridge_weights(rows, targets[0, :4], 0.5), few)


def test_the_loss_is_the_mean_over_all_queries() -> None:
    logits = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, math.log(7)], [0.0, 0.0]]])
    expected = -(math.log(1 / 2) + math.log(1 / 4) + math.log(1 / 8) + math.log(1 / 2)) / 4
    assert float(episode_loss(logits, torch.tensor([0, 1]))) == pytest.approx(expected)
