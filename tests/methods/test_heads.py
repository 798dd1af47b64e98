"""Heads that ask a graph, and means of heads: by hand, and the same after being written as arrays and settings."""

import json

import numpy as np
import pytest

from headstart.core.errors import DataError
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.class_statistics import has_mates
from headstart.heads.principal_components import PrincipalComponents
from headstart.heads.temperature import fit_temperature, row_losses
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.methods.graph_head import GraphHead
from headstart.methods.heads import KernelHead, LinearHead, MeanHead, head_from, mean_scores, ridge_head
from headstart.methods.probe.kernel_ridge import KernelRidge

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


def test_a_kernel_head_weighs_gaussian_similarities(features):
    seen = Representation.fitted(features, "penultimate")
    rows = seen.matrix(features)
    weight, bias = np.random.default_rng(2).normal(size=(5, 3)), np.array([0.1, -0.2, 0.3])
    head = KernelHead(seen, rows[:5], 0.7, weight, bias)
    squares = ((rows[:, None].astype(float) - rows[None, :5]) ** 2).sum(axis=2)
    np.testing.assert_allclose(head.scores(features), np.exp(-0.7 * squares) @ weight + bias, atol=1e-5)
    assert head.scores(features.take(np.arange(0))).shape == (0, 3)


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
    kernel, _ = KernelRidge(blocks="stages").head_of(features, np.arange(NUM) % 3, 3)
    for head in (graph_head, kernel, MeanHead((linear, MeanHead((graph_head, linear), (0.3, 2.0))), (temperature, 1.0))):
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


def explicit_ridge(rows, targets, penalty):
    """Weight and bias of ridge on targets by its normal equations."""
    mean, middle = rows.mean(axis=0), targets.mean(axis=0)
    centered = rows - mean
    weight = np.linalg.solve(centered.T @ centered + penalty * np.eye(rows.shape[1]), centered.T @ (targets - middle))
    return weight, middle - mean @ weight


@pytest.mark.parametrize("width", [5, 47])
def test_ridge_on_folds_equals_explicit_refits_without_the_fold_and_without_each_group(width):
    generator = np.random.default_rng(4)
    num, num_classes = 43, 4
    labels = generator.integers(0, 3, num)
    groups = generator.integers(0, 19, num)
    fold_of_group = generator.choice(3, 19, p=[0.15, 0.25, 0.6])
    fold_of_group[groups[:1]] = 0
    labels[fold_of_group[groups] == 0] = np.where(
        np.arange((fold_of_group[groups] == 0).sum()) < 2, 3, 1
    )  # 3 is met nowhere else
    blocks = tuple(generator.normal(size=(num, size)) + 2 + labels[:, None] for size in (width, 3))
    for fold in range(3):
        fit, held_out = (np.flatnonzero(part) for part in (fold_of_group[groups] != fold, fold_of_group[groups] == fold))
        made = FeatureSet(tuple(block.astype(np.float32) for block in blocks), None, None, ("one", "two"))
        head, temperature = ridge_head(made.take(fit), labels[fit], num_classes, "stages", groups[fit])
        moved = [block - block[fit].mean(axis=0) for block in blocks]
        rows = np.concatenate([block / np.linalg.norm(block, axis=1, keepdims=True) for block in moved], axis=1)
        targets = 2.0 * (labels[:, None] == np.arange(num_classes)) - 1.0
        total = ((rows[fit] - rows[fit].mean(axis=0)) ** 2).sum()
        found = []
        for penalty in total / min(len(fit), rows.shape[1]) * 10.0 ** np.arange(-4, 5):
            scores = np.empty((len(fit), num_classes))
            for group in np.unique(groups[fit]):
                weight, bias = explicit_ridge(rows[fit[groups[fit] != group]], targets[fit[groups[fit] != group]], penalty)
                scores[groups[fit] == group] = rows[fit[groups[fit] == group]] @ weight + bias
            fair = has_mates(labels[fit], groups[fit])
            fitted = fit_temperature(scores[fair], labels[fit][fair])
            found.append((row_losses(scores[fair], labels[fit][fair], fitted).mean(), penalty, fitted))
        _, penalty, expected = min(found)
        weight, bias = explicit_ridge(rows[fit], targets[fit], penalty)
        np.testing.assert_allclose(head.scores(made.take(held_out)), rows[held_out] @ weight + bias, atol=2e-5)
        assert temperature == pytest.approx(expected, rel=1e-3)
