"""Ridge regression on one-vs-rest targets with exact leave-one-out scores for a whole grid of penalties.

With a weighted, centered matrix X = U sqrt(w) V' and residuals r at penalty k,

    leverage_i = weight_i / total weight + sum_j U_ij^2 w_j / (w_j + k)
    leave-one-out score_i = target_i - r_i / (1 - leverage_i)

so that one eigendecomposition, of X X' or of X' X, whichever is smaller, serves every penalty and every class.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import Floats, Integers
from headstart.features.class_statistics import one_hot
from headstart.features.left_out_groups import leave_groups_out
from headstart.features.linear_algebra import CHUNK_ROWS, EXACT_SIDE, symmetric_eigen
from headstart.features.temperature import fit_temperature, row_losses

EXPONENTS = np.arange(-4.0, 5.0)
SMALLEST_GAP = 1e-9
"""1 - leverage is not taken below this: a row that alone decides its own fit has no leave-one-out score."""


@dataclass(frozen=True)
class RidgePath:
    """Solutions along a grid of penalties.

    Attributes:
        penalties: float64 [penalty].
        loo_scores: float [penalty, sample, class].
        weights: float64 [penalty, feature, class].
        biases: float64 [penalty, class].
    """

    penalties: Floats
    loo_scores: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    biases: Floats = field(repr=False)


@dataclass(frozen=True)
class RidgeFit:
    """The solution at the penalty whose leave-one-out scores predict best.

    Attributes:
        weight: float64 [feature, class].
        bias: float64 [class].
        loo_scores: float64 [sample, class]: each row's scores by a fit without that row.
        penalty: The chosen one.
        temperature: Fitted to the leave-one-out scores.
        penalties: The grid.
        losses: Leave-one-out negative log-likelihood per penalty, each at its own temperature.
    """

    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    loo_scores: Floats = field(repr=False)
    penalty: float
    temperature: float
    penalties: tuple[float, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class _Problem:
    """Weighted rows and targets, centered so that the intercept drops out of the penalty."""

    features: Floats
    mean: Floats
    roots: Floats
    targets: Floats
    target_mean: Floats
    dtype: type[np.floating]

    def rows(self, start: int, stop: int) -> Floats:
        chunk = np.asarray(self.features[start:stop], self.dtype) - np.asarray(self.mean, self.dtype)
        return np.asarray(chunk * np.asarray(self.roots[start:stop, None], self.dtype))

    def rows_at(self, index: Integers) -> Floats:
        chunk = np.asarray(self.features[index], self.dtype) - np.asarray(self.mean, self.dtype)
        return np.asarray(chunk * np.asarray(self.roots[index, None], self.dtype))

    def centered_targets(self, start: int, stop: int) -> Floats:
        return np.asarray(self.roots[start:stop, None] * (self.targets[start:stop] - self.target_mean))

    def left_out(self, start: int, stop: int, residuals: Floats, gaps: Floats) -> Floats:
        """Leave-one-out scores from weighted residuals and 1 - leverage."""
        safe = self.roots[start:stop] * np.maximum(gaps, SMALLEST_GAP)
        return np.asarray(self.targets[start:stop] - residuals / safe[:, None])


def _problem(features: Floats, targets: Floats, weights: Floats | None) -> _Problem:
    num = len(features)
    scale = np.ones(num) if weights is None else np.asarray(weights, np.float64) * (num / np.sum(weights))
    if not scale.min() > 0:
        raise DataError(
            f"The smallest sample weight is {scale.min():g}; weights must be above zero. Leave such rows out instead."
        )
    dtype = np.float64 if max(features.shape) <= EXACT_SIDE else np.float32
    mean = np.zeros(features.shape[1])
    for start in range(0, num, CHUNK_ROWS):
        mean += scale[start : start + CHUNK_ROWS] @ np.asarray(features[start : start + CHUNK_ROWS], np.float64)
    return _Problem(features, mean / num, np.sqrt(scale), targets, scale @ targets / num, dtype)


def _grid(trace: float, rank: int) -> Floats:
    mean = trace / max(rank, 1)
    return np.asarray((mean if mean > 1e-290 else 1.0) * 10.0**EXPONENTS)


def _dual(problem: _Problem, penalties: Floats | None, groups: Integers | None) -> tuple[Floats, Floats, Floats]:
    num, width = problem.features.shape
    rows = problem.rows(0, num)
    values, vectors = symmetric_eigen(np.asarray(rows @ rows.T, np.float64))
    grid = _grid(float(values.sum()), min(num, width)) if penalties is None else penalties
    targets = vectors.T @ problem.centered_targets(0, num)
    squares = vectors**2
    shares = problem.roots**2 / num
    scores, coefficients = [], []
    for penalty in grid:
        kept = penalty / (values + penalty)
        residuals = vectors @ (kept[:, None] * targets)
        scores.append(problem.left_out(0, num, residuals, squares @ kept - shares).astype(problem.dtype))
        dual = np.asarray(vectors @ (targets / (values + penalty)[:, None]), rows.dtype)
        coefficients.append(np.asarray(rows.T @ dual, np.float64))
    stacked = np.stack(scores)
    if groups is not None:
        aims = problem.centered_targets(0, num)
        strengths = values / (values + grid[:, None])
        leave_groups_out(stacked, groups, lambda index: vectors[index], strengths, targets, problem.roots, problem.targets, aims)
    return grid, stacked, np.stack(coefficients)


def _primal(problem: _Problem, penalties: Floats | None, groups: Integers | None) -> tuple[Floats, Floats, Floats]:
    num, width = problem.features.shape
    gram, moment = np.zeros((width, width)), np.zeros((width, problem.targets.shape[1]))
    chunks = [(start, min(start + CHUNK_ROWS, num)) for start in range(0, num, CHUNK_ROWS)]
    for start, stop in chunks:
        rows = problem.rows(start, stop)
        gram += rows.T @ rows
        moment += rows.T @ np.asarray(problem.centered_targets(start, stop), rows.dtype)
    values, vectors = symmetric_eigen(gram)
    grid = _grid(float(values.sum()), min(num, width)) if penalties is None else penalties
    solved = (vectors.T @ moment)[None] / (values[None] + grid[:, None])[..., None]
    basis = np.asarray(vectors, problem.dtype)
    inverse = np.asarray(1.0 / (values[:, None] + grid), problem.dtype)
    scores = np.empty((len(grid), num, problem.targets.shape[1]), problem.dtype)
    for start, stop in chunks:
        turned = problem.rows(start, stop) @ basis
        leverages = problem.roots[start:stop, None] ** 2 / num + turned**2 @ inverse
        aims = problem.centered_targets(start, stop)
        for index, solution in enumerate(solved):
            residuals = aims - turned @ np.asarray(solution, problem.dtype)
            scores[index, start:stop] = problem.left_out(start, stop, residuals, 1.0 - leverages[:, index])
    if groups is not None:
        aims = problem.centered_targets(0, num)
        turned_at = lambda index: problem.rows_at(index) @ basis  # noqa: E731
        leave_groups_out(scores, groups, turned_at, inverse.T, vectors.T @ moment, problem.roots, problem.targets, aims)
    return grid, scores, vectors @ solved


def ridge_path(
    features: Floats,
    targets: Floats,
    penalties: Floats | None = None,
    weights: Floats | None = None,
    groups: Integers | None = None,
) -> RidgePath:
    """Ridge solutions and exact leave-one-out scores along a grid of penalties; the intercept is not penalized.

    Needs memory for min(sample, feature) squared; with more rows than features the rows are read in chunks, so that they
    may be memory-mapped.

    Args:
        features: float [sample, feature].
        targets: float [sample, class].
        penalties: float [penalty]; by default the mean eigenvalue times 10^-4 to 10^4.
        weights: float [sample], positive; scaled to mean 1. None weighs rows alike.
        groups: int64 [sample]; rows of one group are left out together. None leaves out each alone.

    Returns:
        The path.

    Raises:
        DataError: A weight is not positive, or there are no rows.
    """
    if not len(features):
        raise DataError("Ridge regression met 0 rows and needs at least 1. Give labeled rows.")
    problem = _problem(features, np.asarray(targets, np.float64), weights)
    solve = _dual if features.shape[0] <= features.shape[1] else _primal
    grid, scores, coefficients = solve(problem, None if penalties is None else np.asarray(penalties, np.float64), groups)
    return RidgePath(grid, scores, coefficients, problem.target_mean - problem.mean @ coefficients)


def fit_ridge(
    features: Floats,
    labels: Integers,
    num_classes: int,
    weights: Floats | None = None,
    groups: Integers | None = None,
) -> RidgeFit:
    """A ridge classifier on +-1 one-vs-rest targets, its penalty chosen by leave-one-out likelihood.

    A class without rows gets the constant score -1. Duplicated rows make the leave-one-out scores too good; name them as
    one group.

    Args:
        features: float [sample, feature].
        labels: int64 [sample], in 0..num_classes - 1.
        num_classes: Number of classes of the task.
        weights: float [sample], positive; None weighs rows alike.
        groups: int64 [sample]; rows of one group are left out together. None leaves out each alone.

    Returns:
        The fit.

    Reference: Rifkin & Klautau, "In defense of one-vs-all classification", JMLR 2004; leave-one-out identity as in
        Rifkin & Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025.
    Differs: the penalty minimizes the leave-one-out negative log-likelihood after a one-parameter temperature, which has
        fewer ties than accuracy.
    """
    path = ridge_path(features, 2.0 * one_hot(labels, num_classes) - 1.0, None, weights, groups)
    temperatures = [fit_temperature(scores, labels) for scores in path.loo_scores]
    losses = [
        float(row_losses(scores, labels, temperature).mean())
        for scores, temperature in zip(path.loo_scores, temperatures, strict=True)
    ]
    best = int(np.argmin(losses))
    return RidgeFit(
        weight=path.weights[best],
        bias=path.biases[best],
        loo_scores=np.asarray(path.loo_scores[best], np.float64),
        penalty=float(path.penalties[best]),
        temperature=temperatures[best],
        penalties=tuple(float(penalty) for penalty in path.penalties),
        losses=tuple(losses),
    )
