from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from headstart.features.feature_set import FeatureSet
from headstart.heads.temperature import row_losses
from headstart.methods.fewshot.baseline_plus_plus import BaselinePlusPlus


def drawn(num: int, seed: int) -> tuple[FeatureSet, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    centers = np.random.default_rng(9).normal(size=(3, 13))
    stages = tuple((centers[labels, :width] + draw.normal(size=(num, width)) + 2).astype(np.float32) for width in (7, 13))
    return FeatureSet(stages, None, None, ("early", "late")), labels.astype(np.int64)


@pytest.mark.slow
def test_new_rows_are_predicted_far_above_chance_with_fair_confidence() -> None:
    head, temperature = BaselinePlusPlus().head_of(*drawn(61, 0), 3)
    new, truth = drawn(500, 1)
    scores = head.scores(new)
    assert (scores.argmax(axis=1) == truth).mean() > 0.75
    assert row_losses(scores, truth, temperature).mean() < 0.75 * np.log(3)


@pytest.mark.slow
def test_classes_without_rows_are_never_predicted() -> None:
    features, labels = drawn(31, 0)
    head, temperature = BaselinePlusPlus().head_of(features, 2 * labels, 6)
    assert set(softmax(head.scores(features) / temperature, axis=1).argmax(axis=1)) <= {0, 2, 4}


def test_one_row_a_class_has_no_held_out_temperature() -> None:
    features, labels = drawn(3, 0)
    head, temperature = BaselinePlusPlus().head_of(features, labels, 3)
    assert temperature == 1.0
    np.testing.assert_array_equal(head.scores(features).argmax(axis=1), labels)


@pytest.mark.slow
def test_rows_of_one_group_are_left_out_together() -> None:
    features, labels = drawn(31, 2)
    labels = np.random.default_rng(0).permutation(labels)
    twice, groups = np.repeat(np.arange(31), 2), np.repeat(np.arange(31), 2)
    _, apart = BaselinePlusPlus().head_of(features.take(twice), labels[twice], 3)
    _, together = BaselinePlusPlus().head_of(features.take(twice), labels[twice], 3, groups)
    assert together > 2 * apart
