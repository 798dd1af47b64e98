"""LogME: the fixture, the brute-force evidence of a Gaussian process, and what cannot diverge."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from headstart.core.linear_algebra import row_space
from headstart.features.feature_set import LabeledFeatures
from headstart.scores.logme import log_evidence, logme, logme_of_draws


def evidence(features, targets):
    return log_evidence(row_space(features), targets, len(targets))


def brute_force(features, target):
    """Maximum of log N(y; 0, I / beta + F F' / alpha) over both precisions, by a simplex from several starts."""
    num = len(target)

    def loss(logs):
        covariance = np.eye(num) * np.exp(-logs[1]) + features @ features.T * np.exp(-logs[0])
        return -multivariate_normal.logpdf(target, np.zeros(num), covariance) / num

    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000}
    starts = [(0, 0), (2, 2), (-2, 2), (3, -1)]
    return -min(minimize(loss, start, method="Nelder-Mead", options=options).fun for start in starts)


def test_evidence_of_the_fixture(fixture_rows):
    found = evidence(fixture_rows.features, np.eye(2)[fixture_rows.labels])
    np.testing.assert_allclose(found, [-0.635752, -0.841004], atol=5e-7)
    assert found.mean() == pytest.approx(-0.738378, abs=5e-7)


def test_evidence_of_the_fixture_equals_brute_force(fixture_rows):
    targets = np.eye(2)[fixture_rows.labels]
    expected = [brute_force(fixture_rows.features, targets[:, column]) for column in range(2)]
    np.testing.assert_allclose(evidence(fixture_rows.features, targets), expected, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("width", [3, 29])
def test_evidence_equals_brute_force(width):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(17, width))
    target = features @ generator.normal(size=width) + generator.normal(size=17) * 2
    assert evidence(features, target[:, None])[0] == pytest.approx(brute_force(features, target), abs=1e-8)


def test_centering_is_the_evidence_of_contrasts(draw):
    rows = draw(num=19, width=5, num_classes=2)
    contrasts = np.linalg.svd(np.ones((1, 19)))[2][1:]
    expected = evidence(contrasts @ rows.features, contrasts @ np.eye(2)[rows.labels]).mean()
    assert logme(rows) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("width", [5, 19, 40, 200])
def test_noise_labels_stay_near_the_evidence_of_no_features(width):
    generator = np.random.default_rng(0)
    labels = np.arange(20) % 2
    value = logme(LabeledFeatures(generator.normal(size=(20, width)), labels))
    none = logme(LabeledFeatures(np.zeros((20, 1)), labels))
    assert none - 0.01 <= value < none + 0.15


def test_perfect_features_stay_finite():
    labels = np.arange(20) % 2
    assert np.isfinite(logme(LabeledFeatures(np.eye(2)[labels], labels)))


def test_draws_equal_the_score_of_their_rows(draw):
    rows = draw()
    draws = [np.arange(0, 47, 2), np.arange(5, 40), np.flatnonzero(rows.labels == 1)]
    found = logme_of_draws(rows, draws)
    np.testing.assert_allclose(found[:2], [logme(rows.take(draw)) for draw in draws[:2]], atol=1e-8)
    assert np.isnan(found[2])
