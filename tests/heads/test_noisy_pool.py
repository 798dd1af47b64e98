"""The opinion pool under label noise: its gradient, and the parameters that made the labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import log_softmax, softmax

from headstart.heads.noisy_pool import _loss, fit_noisy_pool


def drawn(num, noise, seed=0, num_classes=5):
    generator = np.random.default_rng(seed)
    opinions = log_softmax(4 * generator.normal(size=(2, num, num_classes)), axis=2)
    offset = generator.normal(size=(num, num_classes)) * (generator.random((num, 1)) < 0.3)
    probs = softmax(1.3 * opinions[0] + 0.4 * opinions[1] + offset, axis=1)
    labels = (probs.cumsum(axis=1) > generator.random((num, 1))).argmax(axis=1)
    wrong = generator.random(num) < noise
    labels = np.where(wrong, (labels + generator.integers(1, num_classes, num)) % num_classes, labels)
    return opinions, offset, labels, (1 - np.eye(num_classes)) / (num_classes - 1), wrong


@pytest.mark.parametrize("noise", [0.0, 0.08])
def test_weights_and_noise_are_those_that_made_the_labels(noise):
    opinions, offset, labels, transitions, wrong = drawn(20_000, noise)
    pool = fit_noisy_pool(opinions, offset, labels, transitions)
    assert pool.weights == pytest.approx((1.3, 0.4), abs=0.1)
    assert pool.noise == pytest.approx(noise, abs=0.01)
    assert pool.wrong.mean() == pytest.approx(wrong.mean(), abs=0.01)
    assert np.exp(pool.log_probs).sum(axis=1) == pytest.approx(1.0)


def test_the_gradient_is_that_of_the_loss():
    given = drawn(53, 0.1)[:4]
    point = np.array([0.7, 0.3, 0.05])
    assert check_grad(lambda at: _loss(at, *given)[0], lambda at: _loss(at, *given)[1], point) < 1e-5
