"""Ridge taught by probabilities: the rows left out choose penalty and temperature, held to what the teacher says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import Ridge

from headstart.heads.ridge_leave_one_out import EXPONENTS
from headstart.heads.taught_ridge import fit_taught_ridge
from headstart.heads.temperature import fit_temperature_to, soft_loss

NUM_LABELED, NUM_TAUGHT, WIDTH, CLASSES = 11, 23, 5, 3


def rows_made(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features with an offset, and targets: labels first, then a teacher's probabilities."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(NUM_LABELED + NUM_TAUGHT, WIDTH)) + 3
    scores = (features - 3) @ random.normal(size=(WIDTH, CLASSES)) + random.normal(size=(len(features), CLASSES)) / 2
    probs = softmax(scores, axis=1)
    probs[:NUM_LABELED] = np.eye(CLASSES)[probs[:NUM_LABELED].argmax(axis=1)]
    return features, probs


def test_penalty_and_temperature_are_those_of_fits_without_each_taught_row():
    features, probs = rows_made()
    taught, targets = np.arange(NUM_LABELED, len(probs)), 2 * probs - 1
    centered = features - features.mean(axis=0)
    mean_eigenvalue = np.linalg.eigvalsh(centered.T @ centered).sum() / WIDTH
    found = []
    for penalty in mean_eigenvalue * 10.0**EXPONENTS:
        scores = []
        for row in taught:
            rest = np.delete(np.arange(len(probs)), row)
            # an exact fit without the row keeps the mean of all rows out of it, too
            scores.append(Ridge(penalty).fit(features[rest], targets[rest]).predict(features[[row]])[0])
        temperature = fit_temperature_to(np.array(scores), probs[taught])
        found.append((soft_loss(np.array(scores), probs[taught], temperature), penalty, temperature))
    _, penalty, temperature = min(found)
    fit = fit_taught_ridge(features, probs, taught)
    whole = Ridge(penalty).fit(features, targets)
    np.testing.assert_allclose(fit.weight, whole.coef_.T, rtol=1e-6)
    np.testing.assert_allclose(fit.bias, whole.intercept_, rtol=1e-6)
    assert fit.temperature == pytest.approx(temperature, rel=1e-3)


def test_a_student_is_as_sure_as_its_teacher():
    features, probs = rows_made(1)
    taught = np.arange(NUM_LABELED, len(probs))
    confident = probs.copy()
    confident[taught] = probs[taught] ** 3 / (probs[taught] ** 3).sum(axis=1, keepdims=True)
    one, other = (fit_taught_ridge(features, wanted, taught) for wanted in (probs, confident))
    sure = [softmax((features @ fit.weight + fit.bias) / fit.temperature, axis=1).max(axis=1).mean() for fit in (one, other)]
    assert sure[1] > sure[0] + 0.03
