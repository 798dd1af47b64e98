"""The cluster assumption with one label a class: clusters that match the classes, clusters that do not, and noise."""

import numpy as np
import pytest

from headstart.core.rows import unit_rows
from headstart.features.feature_set import FeatureSet
from headstart.heads.label_propagation import label_spreading
from headstart.heads.neighbor_graph import Graph, neighbor_graph
from headstart.heads.unlabeled_pool import UnlabeledPool
from headstart.shift.tests import cluster_assumption as module
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest, cluster_assumption_test, separation_p_value

CLASSES = 6


def clustered(seed: int, num: int = 200, std: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    """Rows in six clusters of unequal size, and which."""
    random = np.random.default_rng(seed)
    centers = unit_rows(random.normal(size=(CLASSES, 12)))
    which = np.minimum(random.integers(0, CLASSES + 1, num), CLASSES - 1)
    which[:CLASSES] = np.arange(CLASSES)
    return centers[which] + std * random.normal(size=(num, 12)) / np.sqrt(12) * 2, which


def pool(rows: np.ndarray, labels: np.ndarray, seed: int = 0) -> UnlabeledPool:
    features = FeatureSet((np.asarray(rows, np.float32),), None, None, ("given",))
    return UnlabeledPool.of(features, np.asarray(labels, np.int64), np.arange(len(rows)), CLASSES, "penultimate", seed)


def first_of_each(which: np.ndarray) -> np.ndarray:
    """One label a class, at the first rows."""
    return np.where(np.arange(len(which)) < CLASSES, which, -1)


def test_clusters_that_hold_the_classes_support_labels():
    found = [
        cluster_assumption_test(pool(rows, first_of_each(which), seed))
        for seed, (rows, which) in enumerate(map(clustered, range(4)))
    ]
    assert all(one.supported for one in found)
    assert max(one.p_value for one in found) < 0.05


def test_labels_that_have_nothing_to_do_with_the_clusters_pass_as_often_as_stated(monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 99)
    p_values = []
    for seed in range(40):
        rows, which = clustered(seed, num=120)
        order = np.random.default_rng(seed).permutation(120)
        p_values.append(separation_p_value(neighbor_graph(unit_rows(rows[order]), 8), first_of_each(which), seed))
    passed = np.mean(np.array(p_values) <= module.LARGEST_P_VALUE)
    assert passed <= 0.2
    assert 0.35 < np.mean(p_values) < 0.7


def test_rows_of_another_kind_are_refused_with_numbers():
    rows, which = clustered(0)
    rows[CLASSES:] += 6.0
    found = cluster_assumption_test(pool(rows, first_of_each(which)))
    assert not found.supported
    assert found.neighbor_test.differs
    assert found.p_value == 1.0
    assert found.reason == (
        "The unlabeled images are of another kind: of the nearest neighbors of labeled images, a share of "
        f"{found.neighbor_test.share:.2f} is labeled, too, "
        f"where {found.neighbor_test.expected:.2f} would be among images of one kind."
    )


def test_reasons_say_what_was_found_and_records_survive_json():
    rows, which = clustered(0)
    good = cluster_assumption_test(pool(rows, first_of_each(which)))
    assert good.reason == (
        "In the neighbor graph of the unlabeled images, the labeled ones of different classes lie farther apart than "
        f"{1 - good.p_value:.2f} of random choices of images, so labels may spread along it."
    )
    together = np.full(len(which), -1)
    together[np.flatnonzero(which == 2)[:CLASSES]] = np.arange(CLASSES)
    bad = cluster_assumption_test(pool(rows, together))
    assert not bad.supported
    assert bad.reason == (
        "In the neighbor graph of the unlabeled images, the labeled ones of different classes lie farther apart than "
        f"{1 - bad.p_value:.2f} of random choices of images, so labels would not keep to their classes in it."
    )
    assert ClusterAssumptionTest.from_json(good.to_json()) == good
    old = good.to_dict()
    old["kinship"] = old.pop("neighbor_test")
    assert ClusterAssumptionTest.from_dict(old) == good


def test_several_labels_of_a_class_count_as_one_place():
    rows, which = clustered(1)
    several = np.where(np.arange(len(which)) < 40, which, -1)
    assert cluster_assumption_test(pool(rows, several)).supported
    mixed = several.copy()
    mixed[:40] = np.random.default_rng(0).permutation(several[:40])
    assert not cluster_assumption_test(pool(rows, mixed)).supported


def test_one_class_says_nothing():
    rows, _ = clustered(0)
    labels = np.full(len(rows), -1)
    labels[:4] = 3
    assert separation_p_value(neighbor_graph(unit_rows(rows), 8), labels, 0) == 1.0


def test_kernel_vectors_are_the_cosines_of_what_labels_spread_to():
    graph = neighbor_graph(unit_rows(np.random.default_rng(0).normal(size=(50, 5)) + 0.7), 6)
    kernel = np.linalg.inv(np.eye(50) - 0.99 * graph.normalized.toarray())
    exact = kernel / np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
    vectors = module._kernel_vectors(graph, seed=0)
    np.testing.assert_allclose(vectors @ vectors.T, exact, atol=1e-8)
    seeds = np.full(50, -1)
    seeds[[0, 1]] = [0, 1]
    spread = label_spreading(graph, seeds, 2, 0.99)
    np.testing.assert_allclose(spread, kernel[:, :2] / kernel[:, :2].sum(axis=1, keepdims=True), atol=1e-5)


def test_leading_directions_of_a_large_graph_are_those_of_the_full_decomposition(monkeypatch):
    graph = neighbor_graph(unit_rows(np.random.default_rng(0).normal(size=(90, 5)) + 0.5), 6)
    monkeypatch.setattr(module, "NUM_DIRECTIONS", 7)
    values, vectors = module._leading(graph, seed=0)
    exact = np.linalg.eigh(graph.normalized.toarray())
    np.testing.assert_allclose(np.sort(values), exact[0][-7:], atol=1e-8)
    np.testing.assert_allclose(np.linalg.svd(vectors.T @ exact[1][:, -7:], compute_uv=False), 1, atol=1e-6)
    again = module._leading(graph, seed=0)
    np.testing.assert_array_equal(vectors, again[1])


def test_nearness_is_the_mean_cosine_to_the_nearest_other_class():
    vectors = np.array([[1.0, 0], [0.6, 0.8], [0, 1], [0, 1]])
    # Class 0 is row 0; class 1 the sum of rows 1 and 2, (0.6, 1.8) / 1.897; class 2 row 3.
    first, second = 0.6 / np.hypot(0.6, 1.8), 1.8 / np.hypot(0.6, 1.8)
    assert module._nearness(vectors, np.array([0, 1, 1, 2])) == pytest.approx((first + 2 * second) / 3)


def test_many_rows_are_sampled_evenly(monkeypatch):
    monkeypatch.setattr(module, "MOST_LABELED", 3)
    monkeypatch.setattr(module, "MOST_UNLABELED", 4)
    labels = np.array([0] * 6 + [-1] * 10)
    assert module._evenly_spaced_rows(labels).tolist() == [0, 2, 5, 6, 9, 12, 15]
    assert module._evenly_spaced_rows(labels[4:8]).tolist() == [0, 1, 2, 3]


def test_the_seed_alone_decides():
    rows, which = clustered(2)
    assert cluster_assumption_test(pool(rows, first_of_each(which))) == cluster_assumption_test(pool(rows, first_of_each(which)))
    assert isinstance(neighbor_graph(unit_rows(rows), 3), Graph)
