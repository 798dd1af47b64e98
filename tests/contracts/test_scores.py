"""Every score: higher for features that tell the classes apart, and blind to order and to the names of the classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from headstart.features.feature_set import LabeledFeatures
from headstart.scores import SCORES

COUNTS = (53, 37, 59, 31, 43)
WIDTH = 11
NEEDS_SOURCE_PROBS = {"leep", "nce"}

each_score = pytest.mark.parametrize("name", SCORES.names())
each_seed = pytest.mark.parametrize("seed", [0, 1, 2])


def labeled(seed: int, separation: float) -> LabeledFeatures:
    """Gaussian classes with an offset far from zero, and source probabilities that see what the features see."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS))
    centers = random.normal(size=(len(COUNTS), WIDTH)) * separation
    features = centers[labels] + random.normal(size=(len(labels), WIDTH)) + 11.0
    source = softmax((features - 11.0) @ random.normal(size=(WIDTH, 31)) * 0.3, axis=1)
    return LabeledFeatures(features.astype(np.float32), labels.astype(np.int64), source)


def score(name: str, data: LabeledFeatures) -> float:
    value = SCORES.get(name)(data)
    assert value is not None
    assert np.isfinite(value)
    return float(value)


@each_score
@each_seed
def test_a_score_is_higher_for_separable_classes_than_for_noise(name, seed):
    assert score(name, labeled(seed, 2.0)) > score(name, labeled(seed, 0.0))


@each_score
@each_seed
def test_the_order_of_the_rows_does_not_matter(name, seed):
    data = labeled(seed, 1.0)
    order = np.random.default_rng(seed + 100).permutation(len(data.labels))
    assert score(name, data.take(order)) == pytest.approx(score(name, data), rel=1e-4, abs=1e-6)


@each_score
@each_seed
def test_the_names_of_the_classes_do_not_matter(name, seed):
    data = labeled(seed, 1.0)
    renamed = np.random.default_rng(seed + 200).permutation(len(COUNTS))[data.labels]
    assert score(name, LabeledFeatures(data.features, renamed, data.source_probs)) == pytest.approx(
        score(name, data), rel=1e-4, abs=1e-6
    )


@each_score
def test_the_same_data_gives_the_same_score_and_stays_as_it_is(name):
    data = labeled(3, 1.0)
    features, labels = data.features.copy(), data.labels.copy()
    assert score(name, data) == score(name, data)
    np.testing.assert_array_equal(data.features, features)
    np.testing.assert_array_equal(data.labels, labels)


@each_score
def test_only_scores_of_source_classes_need_source_probabilities(name):
    data = labeled(4, 1.0)
    without = SCORES.get(name)(LabeledFeatures(data.features, data.labels))
    assert (without is None) == (name in NEEDS_SOURCE_PROBS)


@each_score
def test_a_score_cites_its_paper_or_says_what_it_measures(name):
    assert len(SCORES.get(name).__doc__ or "") > 80
