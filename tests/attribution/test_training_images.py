"""Training images that speak for an answer: contributions add up to the score of heads that are sums, and others have none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from headstart.attribution.training_images import training_rows
from headstart.backbones.loading import load_backbone
from headstart.data.images import Embeddings, ImageSet
from headstart.features.extract import features_of
from headstart.features.representation import Representation
from headstart.methods import METHODS
from headstart.methods.heads import LinearHead, NeighborHead, fitted_ridge
from headstart.methods.model import Model


def clusters(count: int = 41) -> ImageSet:
    draw = np.random.default_rng(2)
    labels = np.arange(count) % 3
    features = draw.normal(size=(count, 7)) + 2.5 * np.eye(7)[labels] + 4.0
    return ImageSet(Embeddings(features.astype(np.float32), "e", np.arange(count)), ("a", "b", "c"), labels, np.arange(count))


@pytest.fixture
def known() -> ImageSet:
    return clusters()


@pytest.fixture
def backbone():
    return load_backbone("embeddings")


def test_contributions_of_ridge_add_up_to_the_score(known, backbone):
    features = features_of(known, backbone)
    head, fit = fitted_ridge(features, known.labels, 3, "penultimate")
    rows = training_rows(Model(backbone, head, 1.0, known.classes), known)
    new = known.take(np.array([4, 9])).images
    means = np.array([(2.0 * (known.labels == label) - 1.0).mean() for label in range(3)])
    for label in range(3):
        for row, (places, found) in enumerate(rows.nearest(new, np.array([label, label]), len(known))):
            shares = np.array([one.contribution for one in found])
            assert shares.tolist() == sorted(shares, reverse=True)
            inputs = np.asarray(head.inputs(features)[:], np.float64)
            kernel = (inputs[[4, 9][row]] - inputs.mean(axis=0)) @ (inputs - inputs.mean(axis=0)).T
            assert (kernel[places] > 0).all()
            assert len(places) == (kernel > 0).sum()
            residuals = 2.0 * (known.labels == label) - 1.0 - head.scores(features)[:, label]
            added = residuals * kernel / fit.penalty
            assert added.sum() + means[label] == pytest.approx(head.scores(features)[[4, 9][row], label], abs=5e-3)
            assert shares == pytest.approx((added / np.abs(added).sum())[places], abs=1e-3)


def test_contributions_of_logistic_regression_are_those_of_cross_entropy(known, backbone):
    features = features_of(known, backbone)
    representation = Representation.fitted(features, "penultimate")
    rows = representation.matrix(features)
    solved = LogisticRegression(C=3.0, tol=1e-9, max_iter=5_000).fit(rows, known.labels)
    head = LinearHead(representation, solved.coef_.T, solved.intercept_)
    found = training_rows(Model(backbone, head, 1.0, known.classes), known)
    targets = np.eye(3)[known.labels]
    assert found.dual == pytest.approx(targets - solved.predict_proba(rows), abs=1e-3)


def test_kernel_ridge_is_compared_by_its_own_kernel(known, backbone):
    features = features_of(known, backbone)
    head, _ = METHODS.get("kernel_ridge")(blocks="penultimate").head_of(features, known.labels, 3)
    rows = training_rows(Model(backbone, head, 1.0, known.classes), known)
    assert rows.dual is not None
    ((places, found),) = rows.nearest(known.images.take(np.array([4])), np.array([1]), 5)
    assert found[0].contribution > 0
    assert known.labels[places[0]] == 1


def test_neighbors_have_similarities_alone(known, backbone):
    features = features_of(known, backbone)
    representation = Representation.fitted(features, "penultimate")
    head = NeighborHead(representation, representation.matrix(features), known.labels, 1, 3)
    ((places, found),) = training_rows(Model(backbone, head, 1.0, known.classes), known).nearest(
        known.images.take(np.array([11])), np.array([2]), 3
    )
    assert places[0] == 11
    assert found[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert [one.contribution for one in found] == [None] * 3


def test_of_an_ensemble_the_member_that_counts_most_is_asked(known, backbone):
    features = features_of(known, backbone)
    heads = [fitted_ridge(features, known.labels, 3, blocks)[0] for blocks in ("penultimate", "stages")]
    small = Model(backbone, heads[1], 1.0, known.classes)
    both = Model(backbone, heads[0], 1.0, known.classes, (small,), (0.3, 0.7))
    assert training_rows(both, known).model is small
