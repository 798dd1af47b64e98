"""Heads that ask a graph, and means of heads: by hand, and the same after being written as arrays and settings."""

import json

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.principal_components import PrincipalComponents
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods.heads import GraphHead, LinearHead, MeanHead, head_from, mean_scores, ridge_head

NUM = 23


@pytest.fixture
def features() -> FeatureSet:
    random = np.random.default_rng(0)
    stages = tuple((random.normal(size=(NUM, width)) + 1).astype(np.float32) for width in (5, 7))
    return FeatureSet(stages, random.random((NUM, 3)).astype(np.float32), None, ("early", "late"))


@pytest.fixture
def graph_head(features: FeatureSet) -> GraphHead:
    labels = np.full(NUM, -1, np.int64)
    labels[:3] = [0, 1, 2]
    pool = UnlabeledPool.of(features, labels, np.arange(NUM), 3, "stages+pixels", seed=0)
    return GraphHead.of(pool, np.random.default_rng(1).dirichlet(np.ones(3), size=NUM), num_neighbors=4)


def test_a_graph_head_asks_the_nearest_rows_by_the_cube_of_the_cosine():
    rows = np.array([[1.0, 0], [0.6, 0.8], [-1, 0]], np.float32)
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
    seen = Representation("penultimate", (np.zeros(2, np.float32),))
    head = GraphHead(PrincipalComponents(seen, np.eye(2, dtype=np.float32)), rows, probs, num_neighbors=2)
    asked = FeatureSet((np.array([[3.0, 0]], np.float32),), None, None, ("given",))
    mean = (1.0 * 0.9 + 0.6**3 * 0.2) / (1 + 0.6**3)
    expected = np.log([[0.999 * mean + 0.0005, 0.999 * (1 - mean) + 0.0005]])
    np.testing.assert_allclose(head.scores(asked), expected, rtol=1e-5)


def test_a_row_of_the_graph_hears_itself_first(graph_head, features):
    alone = GraphHead(graph_head.projection, graph_head.rows, graph_head.probs, num_neighbors=1)
    np.testing.assert_allclose(alone.scores(features), np.log(0.999 * graph_head.probs + 0.001 / 3), atol=1e-5)


def test_mean_scores_are_the_logarithm_of_mean_probabilities_at_their_own_temperatures():
    first, second = np.log([[0.5, 0.5], [0.2, 0.8]]), np.log([[0.1, 0.9], [0.4, 0.6]])
    sharp = second[:] * 2  # temperature 0.5 squares the probabilities
    by_hand = (np.exp(first) + np.exp(sharp) / np.exp(sharp).sum(axis=1, keepdims=True)) / 2
    np.testing.assert_allclose(np.exp(mean_scores([first, second], (1.0, 0.5))), by_hand, rtol=1e-12)
    np.testing.assert_allclose(mean_scores([first + 7, second - 3], (1.0, 0.5)), np.log(by_hand), rtol=1e-12)


def test_a_mean_head_averages_its_heads(graph_head, features):
    labels = np.arange(NUM) % 3
    linear, temperature = ridge_head(features, labels, 3)
    mean = MeanHead((linear, graph_head), (temperature, 1.0))
    expected = mean_scores([linear.scores(features), graph_head.scores(features)], (temperature, 1.0))
    np.testing.assert_array_equal(mean.scores(features), expected)
    assert not np.allclose(mean.scores(features), mean_scores([linear.scores(features)], (temperature,)))


def test_heads_come_back_from_arrays_and_plain_settings(graph_head, features):
    linear, temperature = ridge_head(features, np.arange(NUM) % 3, 3, "stages")
    for head in (graph_head, MeanHead((linear, MeanHead((graph_head, linear), (0.3, 2.0))), (temperature, 1.0))):
        settings = json.loads(json.dumps(head.settings()))
        arrays = {name: np.array(array) for name, array in head.arrays().items()}
        again = head_from(arrays, settings)
        assert type(again) is type(head)
        np.testing.assert_array_equal(again.scores(features), head.scores(features))


def test_more_than_ten_heads_keep_their_own_arrays(features):
    seen = Representation.fitted(features, "penultimate")
    random = np.random.default_rng(0)
    heads = tuple(LinearHead(seen, random.normal(size=(7, 2)).astype(np.float32), np.zeros(2)) for _ in range(12))
    mean = MeanHead(heads, (1.0,) * 12)
    again = head_from(mean.arrays(), mean.settings())
    for one, other in zip(heads, again.heads, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)


def test_an_unknown_kind_and_unknown_blocks_are_refused(graph_head):
    with pytest.raises(DataError) as error:
        head_from({}, {"kind": "oracle"})
    assert str(error.value) == "model.json: head.kind = 'oracle' is unknown. Fit the run again with this version."
    with pytest.raises(DataError) as error:
        head_from(graph_head.arrays(), graph_head.settings() | {"blocks": "sounds"})
    assert str(error.value) == (
        "model.json: blocks = 'sounds' is not one of penultimate, stages, stages+pixels, pixels. Fit the run again."
    )
