from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from headstart.heads.whitening import within_class_whitening

WIDTH = 5


def drawn(num_classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(4)
    labels = np.repeat(np.arange(num_classes) * 3, draw.integers(2, 9, num_classes))
    centers = draw.normal(size=(labels.max() + 1, WIDTH))
    return centers[labels] + draw.normal(size=(len(labels), WIDTH)) * [4, 1, 0.5, 2, 0.1] + 3, labels


def test_without_shrinkage_the_scatter_becomes_a_multiple_of_the_identity() -> None:
    rows, labels = drawn()
    moved = rows @ within_class_whitening(rows, labels, shrinkage=0.0)
    apart = np.concatenate([moved[labels == label] - moved[labels == label].mean(axis=0) for label in np.unique(labels)])
    scatter = apart.T @ apart
    np.testing.assert_allclose(scatter, scatter[0, 0] * np.eye(WIDTH), atol=1e-9 * scatter[0, 0])


def test_distances_are_those_of_linear_discriminant_analysis() -> None:
    rows, labels = drawn()
    whitening = within_class_whitening(rows, labels, shrinkage=0.0)
    model = LinearDiscriminantAnalysis(solver="svd").fit(rows, labels)
    found = np.array([((rows - mean) @ whitening @ whitening.T * (rows - mean)).sum(axis=1) for mean in model.means_]).T
    np.testing.assert_array_equal(
        found.argmin(axis=1),
        [np.argmin(((model.transform(rows[[r]]) - model.transform(model.means_)) ** 2).sum(1)) for r in range(len(rows))],
    )


def test_the_map_is_symmetric_and_keeps_the_mean_squared_length() -> None:
    rows, labels = drawn()
    whitening = within_class_whitening(rows, labels)
    np.testing.assert_allclose(whitening, whitening.T, atol=1e-12)
    np.testing.assert_allclose(((rows @ whitening) ** 2).sum(), (rows**2).sum())


def test_one_row_a_class_gives_the_identity() -> None:
    rows, _ = drawn()
    np.testing.assert_array_equal(within_class_whitening(rows, np.arange(len(rows))), np.eye(WIDTH))


def test_equal_rows_within_every_class_give_the_identity() -> None:
    rows, _ = drawn()
    np.testing.assert_array_equal(within_class_whitening(np.repeat(rows[:3], 2, axis=0), np.arange(6) // 2), np.eye(WIDTH))
