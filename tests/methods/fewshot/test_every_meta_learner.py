"""What holds for every meta-learner, on made features: a few directions tell classes apart, others tell who drew them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.evaluation.episodes import correct_queries
from headstart.losses.episodic import cosine_logits, prototypes
from headstart.methods import METHODS, method_from
from headstart.methods.meta_learner import EpisodeDraw, MetaLearner
from headstart.training.episodes import draw_episodes
from headstart.training.meta_training import EpisodeRows, Parameters

KINDS = tuple(kind for kind in METHODS.names() if issubclass(METHODS.get(kind), MetaLearner))
TELLING, MISLEADING = 6, 5


def drawn(num_classes: int, seed: int, hands: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, labels and domains; the misleading directions are three times as long as those that tell."""
    draw = np.random.default_rng(seed)
    labels, domains = np.repeat(np.arange(num_classes), hands), np.tile(np.arange(hands), num_classes)
    telling = draw.normal(size=(num_classes, TELLING))[labels] + 0.3 * draw.normal(size=(len(labels), TELLING))
    rows = np.concatenate([telling, 3 * draw.normal(size=(len(labels), MISLEADING))], axis=1)
    return np.asarray(rows / np.sqrt((rows**2).sum(axis=1).mean()), np.float32), labels, domains


def accuracy(logits_of, rows: np.ndarray, labels: np.ndarray) -> float:
    return float(correct_queries(logits_of, torch.from_numpy(rows), draw_episodes(labels, 5, 1, 1, 200, 0)).mean())


def batch(shots: int = 2, ways: int = 3) -> EpisodeRows:
    rows, labels, _ = drawn(9, 3, hands=4)
    return EpisodeRows.of(torch.from_numpy(rows).double(), draw_episodes(labels, ways, shots, 1, 4, 5))


def start(method: MetaLearner) -> Parameters:
    draw = torch.Generator().manual_seed(0)
    embedding = torch.eye(TELLING + MISLEADING, dtype=torch.float64)
    return method.parameters(embedding + 0.1 * torch.randn(embedding.shape, generator=draw, dtype=torch.float64))


def test_the_kinds_are_the_agreed_ones() -> None:
    assert set(KINDS) == {"meta_baseline", "proto_net", "r2_d2", "whitened_mean"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_unseen_classes_are_told_better_than_by_frozen_features(kind: str) -> None:
    method = METHODS.get(kind)()
    parameters = method.meta_train(*drawn(60, 0), seed=0)
    rows, labels, _ = drawn(40, 1)
    plain = accuracy(lambda s, y, q: cosine_logits(q, prototypes(s, y), 1.0), rows, labels)
    learned = accuracy(lambda s, y, q: method.logits(parameters, s, y, q), rows, labels)
    assert plain < 0.45
    assert learned > plain + 0.15


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "whitened_mean"])
def test_episodes_alone_teach_it_too(kind: str) -> None:
    method = method_from({"kind": kind, "start": "frozen", "lr": 0.01, "num_steps": 60})
    parameters = method.meta_train(*drawn(60, 0), seed=0)
    rows, labels, _ = drawn(40, 1)
    plain = accuracy(lambda s, y, q: cosine_logits(q, prototypes(s, y), 1.0), rows, labels)
    assert accuracy(lambda s, y, q: method.logits(parameters, s, y, q), rows, labels) > plain + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_many_episodes_at_once_equal_one_by_one(kind: str) -> None:
    method, given = METHODS.get(kind)(), batch()
    parameters = start(method)
    together = method.logits(parameters, given.support, given.targets, given.query).detach()
    for place in range(4):
        alone = method.logits(parameters, given.support[place], given.targets[place], given.query[place]).detach()
        np.testing.assert_allclose(together[place], alone, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_parameters_and_another_seed_others(kind: str) -> None:
    method = method_from({"kind": kind} | ({} if kind == "whitened_mean" else {"num_steps": 3}))
    one, same, other = (method.meta_train(*drawn(30, 0), seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert torch.equal(one["embedding"], other["embedding"]) == (kind == "whitened_mean")


@pytest.mark.parametrize("kind", KINDS)
def test_a_support_row_is_predicted_as_its_class_and_absent_classes_never(kind: str) -> None:
    rows, _, _ = drawn(4, 2, hands=1)
    method = METHODS.get(kind)()
    parameters = {name: value.float() for name, value in start(method).items()}
    weight, bias = method.head_of(rows, np.array([1, 6, 2, 3]), 8, parameters)
    assert weight.shape == (TELLING + MISLEADING, 8)
    np.testing.assert_array_equal((rows @ weight + bias).argmax(axis=1), [1, 6, 2, 3])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_allow_no_episode_leave_the_start(kind: str) -> None:
    rows, _, _ = drawn(6, 2, hands=1)
    method = method_from({"kind": kind, "start": "frozen"} | ({"classifier_steps": 0} if kind == "meta_baseline" else {}))
    parameters = method.meta_train(rows, np.arange(6), None, seed=0)
    assert torch.equal(parameters["embedding"], torch.eye(TELLING + MISLEADING))


def test_proto_net_at_one_shot_is_the_nearest_neighbor() -> None:
    method, given = METHODS.get("proto_net")(), batch(shots=1, ways=5)
    parameters = start(method)
    found = method.logits(parameters, given.support, given.targets, given.query).argmax(dim=-1)
    support, query = given.support @ parameters["embedding"], given.query @ parameters["embedding"]
    np.testing.assert_array_equal(found, torch.cdist(query, support).argmin(dim=-1))


def outer_gradient(kind: str, parameters: Parameters) -> dict[str, np.ndarray]:
    method, given = METHODS.get(kind)(), batch()
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    method.objective(leaves, given).backward()
    return {name: value.grad.numpy() for name, value in leaves.items() if value.grad is not None}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["r2_d2", "proto_net", "meta_baseline"])
def test_the_outer_gradient_is_that_of_finite_differences(kind: str) -> None:
    method, given = METHODS.get(kind)(), batch()
    parameters = start(method)
    gradient = outer_gradient(kind, parameters)["embedding"]
    step = 1e-6
    for place in ((0, 0), (3, 7), (10, 2)):
        values = []
        for sign in (1, -1):
            moved = parameters["embedding"].clone()
            moved[place] += sign * step
            values.append(float(method.objective({**parameters, "embedding": moved}, given).detach()))
        assert gradient[place] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_support_and_query_come_from_different_domains_where_there_are_several() -> None:
    _, labels, domains = drawn(9, 0)
    draw = EpisodeDraw.of(METHODS.get("proto_net")(), labels, domains, seed=0)
    seen = set()
    for step in range(8):
        episodes = draw.at(step)
        first, second = set(domains[episodes.support].ravel()), set(domains[episodes.query].ravel())
        assert len(first) == len(second) == 1
        assert first != second
        seen |= first
    assert seen == {0, 1}


def test_a_domain_without_rows_is_not_drawn_from() -> None:
    _, labels, domains = drawn(9, 0)
    method = METHODS.get("proto_net")()
    draw = EpisodeDraw.of(method, labels, 2 * domains, seed=0)
    assert all(len(draw.at(step)) == draw.num_episodes for step in range(8))
    assert EpisodeDraw.of(method, np.repeat(labels, 2), np.ones(2 * len(labels), np.int64), seed=0).domains is None


def test_the_shape_of_episodes_is_the_largest_that_the_rows_allow() -> None:
    wish = method_from({"kind": "proto_net", "ways": 5, "shots": 5, "queries": 2})
    labels = np.repeat(np.arange(4), (7, 6, 2, 4))
    assert EpisodeDraw.of(wish, labels, None, 0).shape == (2, 4, 1)
    assert EpisodeDraw.of(wish, np.repeat(np.arange(9), 30), None, 0).shape == (5, 5, 2)
    assert EpisodeDraw.of(wish, np.repeat(np.arange(4), (1, 1, 9, 1)), None, 0) is None
