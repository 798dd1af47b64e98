from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.evaluation import episodes as module
from headstart.evaluation.episodes import (
    correct_queries,
    episode_accuracy,
    interval_over_classes,
    interval_over_episodes,
)
from headstart.losses.episodic import distance_logits, prototypes
from headstart.training.episodes import Episodes, draw_episodes


def nearest_mean(support: torch.Tensor, targets: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    return distance_logits(query, prototypes(support, targets))


def rows_and_labels() -> tuple[torch.Tensor, np.ndarray]:
    draw = np.random.default_rng(1)
    labels = np.repeat(np.arange(11), 5)
    return torch.from_numpy(draw.normal(size=(11, 3))[labels] + 0.7 * draw.normal(size=(55, 3))), labels


def looped(rows: torch.Tensor, labels: np.ndarray, episodes: Episodes) -> np.ndarray:
    found = []
    for support, query in zip(episodes.support, episodes.query, strict=True):
        names = list(dict.fromkeys(labels[support].tolist()))
        means = np.stack([rows[support[labels[support] == name]].numpy().mean(axis=0) for name in names])
        nearest = ((rows[query].numpy()[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        found.append([float(names[place] == labels[row]) for place, row in zip(nearest, query, strict=True)])
    return np.array(found)


@pytest.mark.parametrize("most", [1, 1_000_000])
def test_batched_episodes_equal_a_loop(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUES_AT_ONCE", most)
    rows, labels = rows_and_labels()
    episodes = draw_episodes(labels, 5, 2, 3, 29, 0)
    correct = correct_queries(nearest_mean, rows, episodes)
    np.testing.assert_array_equal(correct, looped(rows, labels, episodes))
    assert 0.3 < correct.mean() < 0.95


def test_the_summary_holds_mean_interval_and_spread() -> None:
    episodes = Episodes(np.zeros((4, 6), np.int64), np.zeros((4, 4), np.int64), ways=2)
    correct = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1.0]])
    found = episode_accuracy(correct, episodes)
    half = 1.96 * np.std([1, 0.5, 0.75, 0.25], ddof=1) / 2
    assert (found.ways, found.shots, found.num_episodes) == (2, 3, 4)
    assert found.accuracy.value == 0.625
    assert found.accuracy.high - found.accuracy.value == pytest.approx(half)
    assert (found.low, found.high) == (pytest.approx(0.2875), pytest.approx(0.9625))


def test_one_episode_has_no_interval() -> None:
    found = interval_over_episodes(np.array([0.4]))
    assert (found.low, found.value, found.high) == (0.4, 0.4, 0.4)


def test_over_classes_repeating_the_same_queries_adds_no_evidence() -> None:
    gains, classes = np.array([0.0, 1.0, 0.0, 1.0, 1.0]), np.array([7, 7, 3, 9, 9])
    once, often = interval_over_classes(gains, classes), interval_over_classes(np.tile(gains, 50), np.tile(classes, 50))
    assert once.value == pytest.approx((0.5 + 0 + 1) / 3)
    assert once.value - once.low == pytest.approx(2 * np.std([0.5, 0, 1], ddof=1) / np.sqrt(3))
    assert often.low == pytest.approx(once.low)


def test_one_class_is_no_evidence() -> None:
    assert interval_over_classes(np.ones(5), np.zeros(5, np.int64)).low == -np.inf
