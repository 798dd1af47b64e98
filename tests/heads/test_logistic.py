"""Logistic regression: against scikit-learn, along the path, and with classes that have no rows."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from headstart.core.linear_algebra import rotated
from headstart.heads.logistic import fit_logistic, minimize_logistic
from headstart.heads.out_of_fold import inner_folds
from headstart.heads.temperature import row_losses


def problem(num=83, width=13, num_classes=3, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(num) % num_classes
    features = generator.normal(size=(num, width)) + 2
    features[np.arange(num), labels] += 1.5
    return features, labels


def loss(features, labels, weight, bias, penalty):
    scores = features @ weight + bias
    picked = scores[np.arange(len(labels)), labels]
    return (logsumexp(scores, axis=1) - picked).mean() + penalty / 2 * (weight**2).sum()


@pytest.mark.parametrize(("num", "width", "penalty"), [(83, 13, 1.0), (83, 13, 1e-3), (31, 47, 1e-2)])
def test_rotated_minimum_equals_scikit_learn(num, width, penalty):
    features, labels = problem(num, width)
    mean = features.mean(axis=0)
    rows, basis = rotated(features - mean)
    found = minimize_logistic(rows, labels, 3, penalty)
    weight = basis @ found[:-1]
    oracle = LogisticRegression(C=1 / (penalty * num), tol=1e-8, max_iter=5000).fit(features, labels)
    expected = loss(features, labels, oracle.coef_.T, oracle.intercept_, penalty)
    assert loss(features, labels, weight, found[-1] - mean @ weight, penalty) == pytest.approx(expected, abs=1e-4)


def test_penalty_chosen_out_of_fold_predicts_new_rows():
    features, labels = problem(120)
    center = features.mean(axis=0)
    fit = fit_logistic(features - center, labels, 3, inner_folds(labels, None, 0))
    new, truth = problem(300, seed=1)
    assert (np.argmax((new - center) @ fit.weight + fit.bias, axis=1) == truth).mean() > 0.6
    assert row_losses((new - center) @ fit.weight + fit.bias, truth, fit.temperature).mean() < 0.9 * np.log(3)


def test_classes_without_rows_score_below_all_others():
    features, labels = problem(40, 5, 2)
    fit = fit_logistic(features, labels * 2, 4, inner_folds(labels * 2, None, 0))
    scores = features @ fit.weight + fit.bias
    assert scores[:, [1, 3]].max() < scores[:, [0, 2]].min()


@pytest.mark.parametrize("labels", [np.arange(3), np.zeros(3, np.int64)])
def test_without_folds_the_fit_is_finite(labels):
    fit = fit_logistic(np.zeros((3, 2)), labels, 3, ())
    assert fit.temperature == 1.0
    assert np.isfinite(fit.weight).all()
    assert np.isfinite(fit.bias).all()
