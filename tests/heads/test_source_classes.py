from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from headstart.heads.source_classes import left_out_log_prediction, source_given_target, source_temperature

PROBS = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]])
LABELS = np.array([0, 0, 1, 1, 1])


def made(num: int = 83, scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of seven source classes, of which each of three classes likes one; softmax of them at 1 is calibrated."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, num)
    logits = draw.normal(size=(num, 7))
    logits[np.arange(num), 2 * labels] += 1.5
    return scale * logits, labels.astype(np.int64)


def test_the_left_out_prediction_equals_loops() -> None:
    logs = []
    for row in range(5):
        likelihood = 0.0
        for source in range(3):
            joint = {label: 1 / 3 + sum(PROBS[other, source] for other in range(5) if other != row and LABELS[other] == label)
                     for label in (0, 1)}  # fmt: skip
            likelihood += PROBS[row, source] * joint[LABELS[row]] / (joint[0] + joint[1])
        logs.append(np.log(likelihood))
    assert left_out_log_prediction(PROBS, LABELS, 2) == pytest.approx(np.mean(logs), rel=1e-12)


def test_the_relation_is_the_mean_of_tempered_predictions_of_each_class() -> None:
    logits, labels = made()
    temperature = source_temperature(logits, labels, 3)
    probs = softmax(logits / temperature, axis=1)
    found = source_given_target(logits, labels, 3)
    for label in range(3):
        np.testing.assert_allclose(found[label], probs[labels == label].mean(axis=0), rtol=1e-9)
        assert found[label].argmax() == 2 * label
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_the_temperature_is_the_best_of_a_grid_and_undoes_a_scale() -> None:
    logits, labels = made()
    chosen = source_temperature(logits, labels, 3)
    grid = np.exp(np.linspace(-3, 3, 121))
    losses = [-left_out_log_prediction(softmax(logits / each, axis=1), labels, 3) for each in grid]
    assert -left_out_log_prediction(softmax(logits / chosen, axis=1), labels, 3) <= min(losses) + 1e-6
    assert source_temperature(9 * logits, labels, 3) == pytest.approx(9 * chosen, rel=0.02)
    np.testing.assert_allclose(source_given_target(9 * logits, labels, 3), source_given_target(logits, labels, 3), atol=1e-3)


def test_a_class_without_rows_has_none_and_one_row_suffices() -> None:
    logits, labels = made(11)
    labels = np.where(labels == 2, 0, labels)
    labels[0] = 3
    found = source_given_target(logits, labels, 4)
    assert np.all(found[2] == 0)
    np.testing.assert_allclose(found[[0, 1, 3]].sum(axis=1), 1)
    assert np.isfinite(found).all()


def test_the_order_of_rows_and_the_names_of_source_classes_do_not_matter() -> None:
    logits, labels = made(41)
    order, columns = np.random.default_rng(1).permutation(41), np.random.default_rng(2).permutation(7)
    found = source_given_target(logits[order][:, columns], labels[order], 3)
    np.testing.assert_allclose(found, source_given_target(logits, labels, 3)[:, columns], atol=1e-5)
