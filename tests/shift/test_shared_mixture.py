"""Components that both domains share, against a mixture whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from headstart.shift.shared_mixture import MOST_COMPONENTS, fit_shared_mixture

CENTERS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
CLASS_OF = np.array([0, 1, 1, 0])


def drawn(seed: int, num: int, shares: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of four blobs, two a class, as an exclusive or; and their classes."""
    random = np.random.default_rng(seed)
    which = random.choice(4, num, p=shares)
    return CENTERS[which] + random.normal(size=(num, 2)) * 0.9, CLASS_OF[which]


def test_other_shares_within_classes_are_followed():
    """A source that shows one blob of each class almost alone, and a target that shows the others."""
    source, labels = drawn(1, 400, [0.47, 0.47, 0.03, 0.03])
    target, truth = drawn(2, 301, [0.05, 0.05, 0.45, 0.45])
    found = fit_shared_mixture(source, labels, target, np.full(301, -1), 2, 0)
    logs = -((target[:, None] - CENTERS) ** 2).sum(axis=2) / (2 * 0.81) + np.log([0.05, 0.05, 0.45, 0.45])
    best = (CLASS_OF[logs.argmax(axis=1)] == truth).mean()
    assert found.num_components >= 4
    assert (found.target_probs.argmax(axis=1) == truth).mean() >= best - 0.02
    np.testing.assert_allclose(found.target_probs.sum(axis=1), 1.0)


def test_without_source_classes_to_tell_apart_it_is_the_usual_mixture():
    """One class: the shares aside, expectation and maximization on all rows is what scikit-learn does."""
    random = np.random.default_rng(4)
    rows = np.concatenate([random.normal(size=(57, 2)), random.normal(size=(43, 2)) + 6.0])
    both = np.concatenate([rows, rows + 0.0])
    found = fit_shared_mixture(rows, np.zeros(100, np.int64), rows, np.full(100, -1), 1, 0)
    oracle = min((GaussianMixture(num, n_init=3, random_state=0).fit(both) for num in range(1, 5)), key=lambda fit: fit.bic(both))
    assert found.num_components == oracle.n_components == 2


def test_known_target_rows_stay_what_they_are():
    source, labels = drawn(1, 200, [0.25] * 4)
    target, _ = drawn(2, 50, [0.25] * 4)
    known = np.full(50, -1)
    known[:3] = [1, 0, 1]
    probs = fit_shared_mixture(source, labels, target, known, 2, 0).target_probs
    np.testing.assert_array_equal(probs[:3].argmax(axis=1), [1, 0, 1])
    np.testing.assert_allclose(probs[:3].max(axis=1), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("num", [1, 19])
def test_a_class_of_few_rows_is_one_component(num):
    source, labels = drawn(1, 100, [0.5, 0.5, 0.0, 0.0])
    rows = np.concatenate([source[labels == 0], source[labels == 1][:num]])
    few = np.repeat([0, 2], [(labels == 0).sum(), num])
    found = fit_shared_mixture(rows, few, source, np.full(100, -1), 4, 0)
    assert found.num_components == 2 < MOST_COMPONENTS
    assert found.target_probs.shape == (100, 4)
    assert (found.target_probs[:, [1, 3]] == 0).all()


def test_a_class_of_one_picture_many_times_is_one_component():
    source, labels = drawn(1, 100, [0.25] * 4)
    rows, every = np.concatenate([source, np.full((30, 2), 9.0)]), np.concatenate([labels, np.full(30, 2)])
    probs = fit_shared_mixture(rows, every, np.concatenate([source, np.full((5, 2), 9.0)]), np.full(105, -1), 3, 0).target_probs
    np.testing.assert_allclose(probs[100:, 2], 1.0)
    assert probs[:100, 2].max() < 0.01


def test_a_class_that_only_labeled_target_rows_show_is_drawn_from_them():
    source, labels = drawn(1, 200, [0.25] * 4)
    target = np.concatenate([drawn(2, 50, [0.25] * 4)[0], np.random.default_rng(3).normal(size=(30, 2)) + 12.0])
    known = np.full(80, -1)
    known[50:53] = 2
    probs = fit_shared_mixture(source, labels, target, known, 3, 0).target_probs
    assert (probs[50:].argmax(axis=1) == 2).all()
    assert (probs[:50].argmax(axis=1) != 2).all()
