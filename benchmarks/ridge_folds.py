"""Ridge on the folds of a cross-validation, its ways side by side in one process: processor seconds and the largest difference.

Random rows of unit-length blocks. Every way gives, for each of five folds, the leave-one-out scores of the fit rows at nine
penalties, which choose the penalty, and the scores of the held-out rows at the chosen one:

- `plain`: one eigendecomposition a fold, then leave-one-out scores and a solution for each penalty in turn.
- `headstart`: `fit_ridge`: the same decomposition, leave-one-out scores of all penalties by one product, one solution.
- `one inverse`: (K + penalty I)^-1 of all rows by Cholesky, once a penalty, from which each fold is taken by block identities. It
  shares the means and the grid of penalties between folds, which `headstart` does not: a floor of what sharing costs.

Times are processor seconds of one thread, the least of two.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh, lapack
from threadpoolctl import threadpool_limits

from benchmarks.protocol import arguments, show
from headstart.core.rows import unit_rows
from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.heads.ridge_leave_one_out import EXPONENTS, fit_ridge

SIZES = ((250, 2956, 10), (1132, 1280, 22), (1132, 2956, 22), (1000, 2956, 2), (2000, 2956, 10))
"""Rows, features and classes: what the embedded set, digits and solar cells have with EfficientNet-Lite0."""
NUM_FOLDS = 5
REPEATS = 2


def rows_of(num: int, width: int, num_classes: int, seed: int) -> tuple[Floats, Integers]:
    """Random rows of unit length, whose classes a linear head tells apart with some mistakes, and their labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, num)
    rows = generator.normal(size=(num, width)) * generator.uniform(0.1, 2.0, width)
    rows[:, :num_classes] += 3 * one_hot(labels, num_classes)
    return np.asarray(unit_rows(rows), np.float32), labels


def plain(rows: Floats, labels: Integers, num_classes: int) -> tuple[Floats, Floats]:
    """Leave-one-out scores [penalty, sample, class] and weights [penalty, feature, class], one penalty after the other."""
    exact = np.asarray(rows, np.float64)
    centered, targets = exact - exact.mean(axis=0), 2 * one_hot(labels, num_classes) - 1
    values, vectors = eigh(centered @ centered.T, driver="evd")
    moved = vectors.T @ (targets - targets.mean(axis=0))
    scores, weights = [], []
    for penalty in np.maximum(values, 0).sum() / min(rows.shape) * 10.0**EXPONENTS:
        factors = penalty / (np.maximum(values, 0) + penalty)
        gaps = vectors**2 @ factors - 1 / len(rows)
        scores.append(targets - vectors @ (factors[:, None] * moved) / gaps[:, None])
        weights.append(centered.T @ (vectors @ (factors[:, None] * moved)) / penalty)
    return np.stack(scores), np.stack(weights)


def one_inverse(rows: Floats, labels: Integers, num_classes: int, folds: list[Integers]) -> None:
    """The same for all folds from the inverses of all rows: with M that inverse, M_AA - M_AB M_BB^-1 M_BA without the rows B."""
    exact = np.asarray(rows, np.float64)
    centered, targets = exact - exact.mean(axis=0), 2 * one_hot(labels, num_classes) - 1
    gram = centered @ centered.T
    for penalty in np.trace(gram) / min(rows.shape) * 10.0**EXPONENTS:
        shifted = gram.copy()
        shifted[np.diag_indices(len(gram))] += penalty
        half, _ = lapack.dpotri(lapack.dpotrf(shifted, lower=1)[0], lower=1)
        inverse = np.tril(half) + np.tril(half, -1).T
        for held_out in folds:
            fit = np.setdiff1d(np.arange(len(rows)), held_out)
            across = inverse[np.ix_(fit, held_out)]
            solved = np.linalg.solve(inverse[np.ix_(held_out, held_out)], across.T).T
            ours = inverse[:, fit] @ targets[fit]
            dual = ours[fit] - solved @ ours[held_out]
            gaps = np.diag(inverse)[fit] - np.einsum("ij,ij->i", across, solved)
            _ = targets[fit] - dual / gaps[:, None]


def least_seconds(work: Callable[[], object]) -> float:
    """Processor seconds of the faster of two."""
    seconds = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)


def measured(num: int, width: int, num_classes: int, seed: int) -> dict[str, object]:
    """Seconds of the ways and their ratios, and the largest difference between leave-one-out scores of the first two."""
    rows, labels = rows_of(num, width, num_classes, seed)
    folds = np.array_split(np.random.default_rng(seed).permutation(num), NUM_FOLDS)
    fits = [np.setdiff1d(np.arange(num), held_out) for held_out in folds]
    ways = {
        "plain": lambda: [plain(rows[fit], labels[fit], num_classes) for fit in fits],
        "headstart": lambda: [fit_ridge(rows[fit], labels[fit], num_classes) for fit in fits],
        "one inverse": lambda: one_inverse(rows, labels, num_classes, folds),
    }
    seconds = {name: least_seconds(work) for name, work in ways.items()}
    scores, weights = plain(rows[fits[0]], labels[fits[0]], num_classes)
    found = fit_ridge(rows[fits[0]], labels[fits[0]], num_classes)
    place = found.penalties.index(found.penalty)
    return {
        "rows, features, classes": f"{num} {width} {num_classes}",
        **seconds,
        "plain / headstart": seconds["plain"] / seconds["headstart"],
        "one inverse / headstart": seconds["one inverse"] / seconds["headstart"],
        "largest difference of scores": float(np.abs(scores[place] - found.loo_scores).max()),
        "of weights": float(np.abs(weights[place] - found.weight).max()),
    }


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "", seeds=1, sizes=tuple(" ".join(map(str, size)) for size in SIZES))
    sizes = [tuple(map(int, size.split())) for size in options.sizes]
    with threadpool_limits(1):
        rows = [measured(*size, seed) for size in sizes for seed in range(options.seeds)]
    show("ridge on five folds: processor seconds of one thread", rows, [])


if __name__ == "__main__":
    main()
