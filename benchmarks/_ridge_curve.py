"""The learning curve that a run drew before: alpha + eta / sqrt(n), fitted to leave-one-out errors of a ridge head."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.heads.ridge_leave_one_out import fit_ridge

NUM_DRAWS = 10
NUM_BOOTSTRAP = 1_000


def ridge_curve(features: Floats, labels: Integers, groups: Integers, num_classes: int, seed: int) -> tuple[Floats, Floats]:
    """Alpha and eta, float64 [1 + draw] each: the fit, then bootstrap draws of it by the binomial noise of the errors."""
    sizes = np.array([len(labels) // 4, len(labels) // 2, len(labels)])
    errors = [_errors(features, labels, groups, num_classes, int(size), seed) for size in sizes]
    measured, most = np.array([np.mean(one) for one in errors]), int(sizes[-1])
    per_row = 1 / most + (1 / sizes - 1 / most) / np.array([len(one) for one in errors])
    noise = np.maximum(np.sqrt(measured * (1 - measured) * per_row), 1 / most)
    draws = measured + noise * generator_for(seed, "curve bootstrap").standard_normal((NUM_BOOTSTRAP, 3))
    every = np.concatenate([measured[None], draws])
    x, weight = sizes**-0.5, noise**-2.0 / np.sum(noise**-2.0)
    center, mean = np.sum(weight * x), every @ weight
    eta = np.maximum(0.0, ((every - mean[:, None]) @ (weight * (x - center))) / np.sum(weight * (x - center) ** 2))
    steepest, alpha = (every @ (weight * x)) / np.sum(weight * x * x), mean - eta * center
    return np.where(alpha < 0, 0.0, alpha), np.where(alpha < 0, steepest, eta)


def _errors(features: Floats, labels: Integers, groups: Integers, num_classes: int, size: int, seed: int) -> list[float]:
    out = []
    for draw in range(1 if size == len(labels) else NUM_DRAWS):
        generator = generator_for(seed, "curve", size, draw)
        order, position = generator.permutation(len(labels)), np.empty(len(labels))
        for label in np.unique(labels):
            rows = order[labels[order] == label]
            position[rows] = (np.arange(len(rows)) + generator.random()) / len(rows)
        rows = np.sort(np.argsort(position, kind="stable")[:size])
        fit = fit_ridge(features[rows], labels[rows], num_classes, groups=groups[rows])
        out.append(float(np.mean(fit.loo_scores.argmax(axis=1) != labels[rows][fit.loo_rows])))
    return out
