"""Maps and weights of two domains against those of skada, and against planted shifts."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.shift.label_shift import class_shares, likely_shares
from headstart.shift.moments import coral_matrix, moments_of, monge_matrix, transported

DIMENSIONS = 16


def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Five Gaussian classes, and the same after an affine map that is symmetric and positive."""
    draw = np.random.default_rng(11)
    means = draw.normal(size=(5, DIMENSIONS)) * 2.0
    rotation = np.linalg.qr(draw.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    matrix = (rotation * draw.uniform(0.3, 3.0, DIMENSIONS)) @ rotation.T
    shift = draw.normal(size=DIMENSIONS) * 9.0
    labels, others = (
        draw.permutation(np.repeat(np.arange(5), counts)) for counts in ([151, 97, 131, 83, 113], [131, 89, 113, 71, 101])
    )
    source, target = (means[one] + draw.normal(size=(len(one), DIMENSIONS)) for one in (labels, others))
    return source, labels, target @ matrix + shift, others


def accuracy(rows: np.ndarray, labels: np.ndarray, target: np.ndarray, truth: np.ndarray) -> float:
    return float((fit_kernel_ridge(rows, labels, 5, width=0.0).scores(target).argmax(axis=1) == truth).mean())


def test_a_planted_affine_shift_is_undone_by_the_monge_map():
    source, labels, target, truth = planted()
    one, other = moments_of(source), moments_of(target)
    assert accuracy(source, labels, target, truth) < 0.6
    moved = transported(source, one, other, monge_matrix(one.covariance, other.covariance))
    assert accuracy(moved, labels, target, truth) >= 0.95


def test_recolored_rows_are_those_of_skada():
    mapping = pytest.importorskip("skada._mapping")
    source, _, target, _ = planted()
    one, other = moments_of(source, shrunk=False), moments_of(target, shrunk=False)
    ours = (source - one.mean) @ coral_matrix(one.covariance, other.covariance)
    both, domain = np.concatenate([source - one.mean, target - other.mean]), np.repeat([1, -2], [len(source), len(target)])
    theirs = mapping.CORALAdapter(reg=0.0).fit_transform(both, sample_domain=domain)
    ratio = np.sqrt((len(target) - 1) / len(target) / ((len(source) - 1) / len(source)))
    gaps = [np.abs(ours * scale - theirs[domain > 0]).max() for scale in (1.0, ratio, 1.0 / ratio)]
    assert min(gaps) < 1e-6


def test_class_shares_are_estimated_where_classes_look_the_same():
    source, labels, _, _ = planted()
    draw = np.random.default_rng(3)
    wanted = np.array([0.5, 0.05, 0.25, 0.05, 0.15])
    rows = draw.choice(len(source), 900, p=wanted[labels] / class_shares(labels, 5)[labels] / len(source))
    found = fit_kernel_ridge(source, labels, 5, width=0.0)
    scores = found.scores(source[rows] + 0.3 * draw.normal(size=(900, DIMENSIONS))) / found.fit.temperature
    probs = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    estimate = likely_shares(probs, class_shares(labels, 5))
    assert np.abs(estimate - class_shares(labels[rows], 5)).max() < 0.03
