from __future__ import annotations

import numpy as np
import pytest

from headstart.core.rows import unit_rows
from headstart.gallery import matching
from headstart.gallery.matching import left_out_similarity, match, within_class_similarity
from headstart.gallery.meta_learner_selection import meta_trained_on

BACKGROUND = np.arange(500, 530)


@pytest.mark.parametrize("counts", [(1, 1, 1), (1, 2, 1, 2), (3, 4, 5), (1, 5, 2, 1, 3)])
@pytest.mark.parametrize("embedded", [False, True])
def test_new_images_go_to_their_class_and_unknown_ones_are_less_similar(
    counts: tuple[int, ...], embedded: bool, features
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    source = np.repeat(np.arange(100, 160), 3)
    embedding = meta_trained_on("proto_net", features(source, 8), source - 100) if embedded else None
    enrolled = features(labels, 1)
    wanted = np.arange(len(counts)).repeat(10)
    found = match(features(wanted, 2), enrolled, labels, features(BACKGROUND, 5), embedding)
    assert found.probs.shape == (len(wanted), len(counts))
    np.testing.assert_allclose(found.probs.sum(axis=1), 1)
    assert (found.probs.argmax(axis=1) == wanted).mean() > 0.9
    unknown = match(features(np.arange(200, 260), 3), enrolled, labels, features(BACKGROUND, 5), embedding)
    assert (found.similarity.max(axis=1) >= found.threshold).mean() > 0.6
    assert (unknown.similarity.max(axis=1) >= unknown.threshold).mean() < 0.4


def test_one_class_with_one_image_is_told_from_the_background(features) -> None:
    enrolled, labels = features(np.zeros(1, np.int64), 1), np.zeros(1, np.int64)
    found = match(features(np.zeros(9, np.int64), 2), enrolled, labels, features(BACKGROUND, 5), None)
    np.testing.assert_array_equal(found.probs, 1)
    assert (found.similarity > found.threshold).all()
    assert (
        match(features(np.arange(300, 330), 2), enrolled, labels, features(BACKGROUND, 5), None).similarity < found.threshold
    ).mean() > 0.8


def test_mean_directions_decide_up_to_two_images_and_ridge_from_three_on(monkeypatch, features) -> None:
    asked = []

    def watched(*args: object) -> object:
        asked.append(len(args[1]))
        return real(*args)

    real = matching.ridge_head
    monkeypatch.setattr(matching, "ridge_head", watched)
    for shots in (1, 2, 3, 4):
        labels = np.repeat(np.arange(3), shots)
        match(features(labels, 2), features(labels, 1), labels, features(BACKGROUND, 5), None)
    assert asked == [9, 12]
    monkeypatch.setattr(matching, "MOST_RIDGE_ROWS", 10)
    match(features(labels, 2), features(labels, 1), labels, features(BACKGROUND, 5), None)
    assert asked == [9, 12]


def test_leaving_out_is_what_it_says() -> None:
    rows, labels = unit_rows(np.random.default_rng(0).normal(size=(7, 4))), np.array([0, 0, 0, 1, 2, 2, 1])
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(3)])
    judged = np.array([1, 3, 5])
    found, fair = left_out_similarity(rows, labels, means, judged)
    assert fair.all()
    for place, row in enumerate(judged):
        rest = unit_rows(rows[(labels == labels[row]) & (np.arange(7) != row)].sum(axis=0, keepdims=True))[0]
        expected = unit_rows(means) @ rows[row]
        expected[labels[row]] = rest @ rows[row]
        np.testing.assert_allclose(found[place], expected, atol=1e-12)


def test_an_image_alone_in_its_class_is_not_judged_fairly() -> None:
    rows = unit_rows(np.random.default_rng(0).normal(size=(3, 4)))
    found, fair = left_out_similarity(rows, np.array([0, 0, 1]), rows[:2], np.arange(3))
    np.testing.assert_array_equal(fair, [True, True, False])
    assert found[2, 1] == -1


def test_pairs_within_a_class_are_from_different_domains_where_there_are_some() -> None:
    rows, labels = unit_rows(np.random.default_rng(0).normal(size=(7, 4))), np.array([3, 3, 3, 0, 5, 5, 5])
    np.testing.assert_allclose(within_class_similarity(rows, labels, None), [rows[0] @ rows[1], rows[4] @ rows[5]])
    apart = np.array([1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(within_class_similarity(rows, labels, apart), [rows[0] @ rows[2], rows[4] @ rows[5]])
