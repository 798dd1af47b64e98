from __future__ import annotations

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.training import episodes as module
from headstart.training.episodes import draw_episodes

COUNTS = (7, 2, 5, 1, 11, 3)
LABELS = np.random.default_rng(3).permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))


def test_an_episode_has_different_classes_and_rows_and_the_labels_say_which() -> None:
    drawn = draw_episodes(LABELS, ways=3, shots=2, queries=1, num_episodes=41, seed=0)
    assert (len(drawn), drawn.ways, drawn.shots) == (41, 3, 2)
    for support, query in zip(drawn.support, drawn.query, strict=True):
        assert len({*support.tolist(), *query.tolist()}) == 9
        classes = LABELS[support].reshape(3, 2)
        assert (classes == classes[:, :1]).all()
        assert len(set(classes[:, 0].tolist())) == 3
        np.testing.assert_array_equal(LABELS[query], classes[:, 0])
    np.testing.assert_array_equal(drawn.support_labels, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(drawn.query_labels, [0, 1, 2])


def test_only_classes_with_enough_rows_come_and_all_of_them_do() -> None:
    drawn = draw_episodes(LABELS, ways=3, shots=2, queries=1, num_episodes=200, seed=1)
    counts = np.bincount(LABELS[drawn.support].ravel(), minlength=6)
    assert set(np.flatnonzero(counts)) == {0, 2, 4, 5}
    assert counts[counts > 0].min() > 0.6 * counts.max()


def test_every_row_of_a_class_comes_equally_often() -> None:
    drawn = draw_episodes(LABELS, ways=4, shots=1, queries=2, num_episodes=3000, seed=2)
    rows = np.flatnonzero(LABELS == 4)
    counts = np.bincount(drawn.support.ravel(), minlength=len(LABELS))[rows]
    assert np.abs(counts / counts.mean() - 1).max() < 0.25


def test_support_and_query_may_come_from_different_rows() -> None:
    labels = np.tile(np.arange(5), 4)
    first = np.arange(20) < 5
    drawn = draw_episodes(labels, 5, 1, 2, 30, 0, support_from=first, query_from=~first)
    assert first[drawn.support].all()
    assert not first[drawn.query].any()
    np.testing.assert_array_equal(labels[drawn.query], np.repeat(labels[drawn.support], 2, axis=1))


def test_the_seed_decides_and_unlabeled_rows_are_never_drawn() -> None:
    labels = np.where(np.arange(len(LABELS)) % 3 == 0, -1, LABELS)
    one, same, other = (draw_episodes(labels, 2, 1, 1, 50, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.support, same.support)
    assert (one.support != other.support).any()
    assert (labels[one.support] >= 0).all()
    assert (labels[one.query] >= 0).all()


def test_drawing_in_parts_gives_the_same_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_AT_ONCE", 70)
    drawn = draw_episodes(LABELS, ways=2, shots=1, queries=1, num_episodes=13, seed=0)
    assert drawn.support.shape == (13, 2)
    assert (LABELS[drawn.support] == LABELS[drawn.query]).all()


def test_more_ways_than_classes_is_one_sentence() -> None:
    with pytest.raises(DataError) as caught:
        draw_episodes(LABELS, ways=5, shots=2, queries=1, num_episodes=1, seed=0)
    assert str(caught.value) == (
        "5 ways were asked, and 4 classes have 2 + 1 images for support and query. "
        "Ask for fewer ways, shots or queries, or give more classes."
    )


@pytest.mark.parametrize("name", ["ways", "shots", "queries"])
def test_zero_of_anything_is_one_sentence(name: str) -> None:
    counts = {"ways": 2, "shots": 1, "queries": 1, name: 0}
    with pytest.raises(DataError) as caught:
        draw_episodes(LABELS, **counts, num_episodes=1, seed=0)
    assert str(caught.value) == f"{name} = 0 was asked, and an episode needs at least 1. Set {name} to 1 or more."
