from __future__ import annotations

import numpy as np

from headstart.heads.kernel_map import gaussian
from headstart.shift import subspaces
from headstart.shift.subspaces import leading_directions, transfer_components

DRAW = np.random.default_rng(3)
SOURCE = DRAW.normal(size=(61, 3)) * [0.3, 2.0, 1.0]
TARGET = DRAW.normal(size=(47, 3)) * [0.3, 2.0, 1.0] + [3.0, 0.0, 0.0]


def test_directions_are_those_of_the_singular_value_decomposition():
    found = leading_directions(SOURCE + 5.0, 2)
    expected = np.linalg.svd(SOURCE - SOURCE.mean(axis=0))[2][:2].T
    np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=0)), 1, atol=1e-9)
    assert leading_directions(SOURCE, 9).shape == (3, 3)


def test_domains_agree_in_their_transfer_components():
    components = transfer_components(SOURCE, TARGET, 4, 0.01, 0)
    ours, theirs = components.rows(SOURCE), components.rows(TARGET)
    assert ours.shape == (61, 4)
    spread = np.concatenate([ours, theirs]).std(axis=0)
    gaps = np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / spread
    assert gaps[0] < 0.2
    raw = np.abs(SOURCE[:, 0].mean() - TARGET[:, 0].mean()) / np.concatenate([SOURCE, TARGET])[:, 0].std()
    assert raw > 1.5
    assert (np.diff(spread) <= 1e-9).all()


def test_components_solve_the_eigenvalue_problem():
    """By brute force: eigenvectors of (K L K + mu I)^-1 K H K, as in the paper."""
    components = transfer_components(SOURCE, TARGET, 2, 0.5, 0)
    both = np.concatenate([SOURCE, TARGET])
    num, kernel = len(both), gaussian(both, both, components.gamma)
    signs = np.concatenate([np.full(61, 1 / 61), np.full(47, -1 / 47)])
    apart = kernel @ np.outer(signs, signs) @ kernel * num + 0.5 * np.trace(kernel) / num * np.eye(num)
    center = np.eye(num) - 1 / num
    values, vectors = np.linalg.eig(np.linalg.solve(apart, kernel @ center @ kernel))
    first = np.real(vectors[:, np.argmax(np.real(values))])
    cosine = first @ components.normalization[:, 0] / np.linalg.norm(first) / np.linalg.norm(components.normalization[:, 0])
    assert abs(cosine) > 1 - 1e-6


def test_of_many_rows_some_make_the_components(monkeypatch):
    monkeypatch.setattr(subspaces, "MOST_ROWS", 11)
    assert len(transfer_components(SOURCE, TARGET, 30, 1.0, 0).landmarks) == 22
