"""Ridge regression on one-vs-rest targets with exact leave-one-out scores for a whole grid of penalties.

With a weighted, centered matrix X = U sqrt(w) V' and residuals r at penalty k,

    leverage_i = weight_i / total weight + sum_j U_ij^2 w_j / (w_j + k)
    leave-one-out score_i = target_i - r_i / (1 - leverage_i)

so that one eigendecomposition, of X X' or of X' X, whichever is smaller, serves every penalty and every class. With more rows
than features, rows are read in chunks and summed into X' X: memory does not grow with them, and time grows in proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax

from headstart.core.errors import DataError
from headstart.core.linear_algebra import EXACT_SIDE, symmetric_eigen
from headstart.core.row_sums import Sums, column_means, sums_over
from headstart.core.rows import CHUNK_ROWS, Index, LazyRows, Rows, mapped_briefly, row_slices
from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers
from headstart.heads.class_statistics import has_mates, one_hot
from headstart.heads.leave_group_out import Basis, along_penalties, leave_groups_out, penalty_slices
from headstart.heads.temperature import fit_temperature, row_losses

EXPONENTS = np.arange(-4.0, 5.0)
"""Penalties that are tried, as powers of ten times the mean eigenvalue."""
FEWEST_CLASSES = 2
"""Classes with several rows that leave-one-out needs: one class alone is predicted best by a penalty that ignores all others."""
DEFAULT_EXPONENT = -2.0
"""Used where leave-one-out cannot choose. On digits, emoji and solar cells with one label a class it is within 0.3 points of the
best penalty, and what leave-one-out chooses with five is 10^-1 to 10^-4 (EfficientNet-Lite0, 5 seeds)."""
DEFAULT_TEMPERATURE = 0.5
"""Used where leave-one-out cannot choose. The best on test rows is 0.2 on digits and emoji and 1.3 on solar cells, one label a
class."""

SMALLEST_GAP = 1e-9
"""1 - leverage is floored here: a row that alone decides its own fit has no leave-one-out score."""

MOST_LOO_ROWS = 50_000
"""Rows whose leave-one-out scores choose penalty and temperature where there are more: their mean loss is known to 0.005 nats at
a standard deviation of one nat, and its differences between penalties, taken on the same rows, to far less."""
MOST_LOO_VALUES = 100_000_000
"""Bounds the scores of all penalties to 400 MB in single precision: fewer rows are scored with more than 200 classes."""


@dataclass(frozen=True)
class OneVsRest:
    """Reads targets: +1 at the class of a row and -1 elsewhere, float64 [sample, class], from labels, int64 [sample]."""

    labels: Integers
    num_classes: int

    def __call__(self, part: Index) -> Floats:
        return np.asarray(2.0 * one_hot(self.labels[part], self.num_classes) - 1.0)

    def only(self, part: Index) -> OneVsRest:
        """See `core.rows.CutReader`."""
        return OneVsRest(self.labels[part], self.num_classes)


@dataclass(frozen=True)
class RidgePath:
    """Solutions along a grid of penalties.

    Attributes:
        penalties: float64 [penalty].
        loo_rows: int64 [scored sample]: the rows that have leave-one-out scores.
        loo_scores: float [penalty, scored sample, class].
        weight_at: Computes the weight, float64 [feature, class], of the penalty at a place of the grid.
        mean: float64 [feature]: the mean row.
        target_mean: float64 [class]: the mean target.
    """

    penalties: Floats
    loo_rows: Integers = field(repr=False)
    loo_scores: Floats = field(repr=False)
    weight_at: Callable[[int], Floats] = field(repr=False)
    mean: Floats = field(repr=False)
    target_mean: Floats = field(repr=False)

    def solution(self, place: int) -> tuple[Floats, Floats]:
        """Weight float64 [feature, class] and bias float64 [class] of the penalty at that place of the grid.

        The solution of all nine penalties took longer than the eigendecomposition of up to 400 rows.
        """
        weight = self.weight_at(place)
        return weight, np.asarray(self.target_mean - self.mean @ weight)

    @property
    def weights(self) -> Floats:
        """The weights of all penalties, float64 [penalty, feature, class]."""
        return np.stack([self.weight_at(place) for place in range(len(self.penalties))])

    @property
    def biases(self) -> Floats:
        """The biases of all penalties, float64 [penalty, class]."""
        return np.asarray(self.target_mean - self.mean @ self.weights)


@dataclass(frozen=True)
class RidgeFit:
    """The solution at the penalty whose leave-one-out scores predict best.

    Attributes:
        weight: float64 [feature, class].
        bias: float64 [class].
        loo_rows: int64 [scored sample], ascending: the rows that have leave-one-out scores; all of up to 50,000.
        loo_scores: float64 [scored sample, class]: each row's scores by a fit to all rows but it.
        penalty: The chosen one.
        temperature: Fitted to the leave-one-out scores.
        penalties: The grid.
        losses: Leave-one-out negative log-likelihood per penalty, each at its own temperature, of rows whose class has others.
    """

    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    loo_rows: Integers = field(repr=False)
    loo_scores: Floats = field(repr=False)
    penalty: float
    temperature: float
    penalties: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def loss(self) -> float:
        """That of the chosen penalty."""
        return self.losses[self.penalties.index(self.penalty)]

    @property
    def loo_probs(self) -> Floats:
        """Softmax of the leave-one-out scores over the temperature, float64 [scored sample, class]."""
        return np.asarray(softmax(self.loo_scores / self.temperature, axis=1))


@dataclass(frozen=True)
class _Problem:
    """Weighted rows and targets, centered so that the intercept drops out of the penalty."""

    features: Rows
    mean: Floats
    roots: Floats
    targets: Rows
    target_mean: Floats
    dtype: type[np.floating]

    def rows(self, part: Index) -> Floats:
        chunk = np.array(self.features[part], self.dtype)
        chunk -= self.mean.astype(self.dtype)
        chunk *= self.roots[part, None].astype(self.dtype)
        return chunk

    def centered_targets(self, part: Index) -> Floats:
        return np.asarray(self.roots[part, None] * (self.targets[part] - self.target_mean))

    def of(self, rows: Index) -> tuple[Floats, Floats, Floats]:
        """Roots, targets and weighted, centered targets of those rows."""
        return self.roots[rows], np.asarray(self.targets[rows]), self.centered_targets(rows)

    def path(self, penalties: Floats, loo_rows: Integers, loo_scores: Floats, weight_at: Callable[[int], Floats]) -> RidgePath:
        return RidgePath(penalties, loo_rows, loo_scores, weight_at, self.mean, self.target_mean)


def _problem(features: Rows, targets: Rows, weights: Floats | None) -> _Problem:
    num = len(features)
    scale = np.ones(num) if weights is None else np.asarray(weights, np.float64) * (num / np.sum(weights))
    if not scale.min() > 0:
        raise DataError(
            f"The smallest sample weight is {scale.min():g}; weights must be above zero. Leave such rows out instead."
        )
    dtype = np.float64 if max(features.shape) <= EXACT_SIDE else np.float32
    given = None if weights is None else scale
    return _Problem(features, column_means(features, given), np.sqrt(scale), targets, column_means(targets, given), dtype)


def _grid(trace: float, rank: int) -> Floats:
    mean = trace / max(rank, 1)
    return np.asarray((mean if mean > 1e-290 else 1.0) * 10.0**EXPONENTS)


def _leave_one_out(scores: Floats, gaps: Floats, residuals: Callable[[slice], Floats], roots: Floats, targets: Floats) -> None:
    """Fill in the leave-one-out scores [penalty, sample, class].

    `gaps` are 1 - leverage, [penalty, sample], `residuals` gives the weighted residuals of some of the penalties,
    [penalty, sample, class], and the roots s [sample] and the targets [sample, class] are those of the same rows.
    """
    for part in penalty_slices(len(scores), targets.shape[1]):
        safe = roots * np.maximum(gaps[part], SMALLEST_GAP)
        scores[part] = targets - residuals(part) / safe[..., None]


def _dual(problem: _Problem, penalties: Floats | None, loo_rows: Integers, groups: Integers | None) -> RidgePath:
    num, width = problem.features.shape
    everything = slice(0, num)
    rows = problem.rows(everything)
    values, vectors = symmetric_eigen(np.asarray(rows @ rows.T, np.float64), overwrite=True)
    grid = _grid(float(values.sum()), min(num, width)) if penalties is None else penalties
    moments = vectors.T @ problem.centered_targets(everything)
    factors = grid[:, None] / (values + grid[:, None])
    scored = vectors if len(loo_rows) == num else vectors[loo_rows]
    roots, targets, centered = problem.of(loo_rows)
    scores = np.empty((len(grid), *targets.shape), problem.dtype)
    gaps = factors @ (scored**2).T - roots**2 / num
    _leave_one_out(scores, gaps, lambda part: along_penalties(scored, factors[part], moments), roots, targets)
    if groups is not None:
        basis = Basis(lambda index: scored[index], values / (values + grid[:, None]), moments)
        leave_groups_out(scores, groups[loo_rows], basis, roots, targets, centered, num)

    def weight_at(place: int) -> Floats:
        dual = np.asarray(vectors @ (moments / (values + grid[place])[:, None]), rows.dtype)
        return np.asarray(rows.T @ dual, np.float64)

    return problem.path(grid, loo_rows, scores, weight_at)


def _gram_and_moment(
    features: Rows, targets: Rows, roots: Floats, mean: Floats, target_mean: Floats, dtype: type[np.floating]
) -> Sums:
    """X' X [feature, feature] and X' times the targets [feature, class], of weighted, centered rows, in float64."""
    problem = _Problem(features, mean, roots, targets, target_mean, dtype)
    width = features.shape[1]
    gram, moment = np.zeros((width, width)), np.zeros((width, targets.shape[1]))
    for part in row_slices(len(features), CHUNK_ROWS):
        rows = problem.rows(part)
        gram += rows.T @ rows
        moment += rows.T @ np.asarray(problem.centered_targets(part), rows.dtype)
    return gram, moment


def _primal(problem: _Problem, penalties: Floats | None, loo_rows: Integers, groups: Integers | None) -> RidgePath:
    num, width = problem.features.shape
    constants = (problem.mean, problem.target_mean, problem.dtype)
    gram, moment = sums_over(_gram_and_moment, problem.features, problem.targets, problem.roots, constants=constants)
    values, vectors = symmetric_eigen(gram, overwrite=True)
    del gram
    grid = _grid(float(values.sum()), min(num, width)) if penalties is None else penalties
    moments = vectors.T @ moment
    axes = np.asarray(vectors, problem.dtype)
    inverse = np.asarray(1.0 / (values + grid[:, None]), problem.dtype)
    coarse = np.asarray(moments, problem.dtype)
    scores = np.empty((len(grid), len(loo_rows), moment.shape[1]), problem.dtype)
    for part in row_slices(len(loo_rows), CHUNK_ROWS):
        index = part if len(loo_rows) == num else loo_rows[part]
        rotated = problem.rows(index) @ axes
        roots, targets, centered = problem.of(index)
        gaps = 1.0 - roots**2 / num - inverse @ (rotated**2).T

        def residuals(some: slice, rotated: Floats = rotated, centered: Floats = centered) -> Floats:
            return np.asarray(centered - along_penalties(rotated, inverse[some], coarse))

        _leave_one_out(scores[:, part], gaps, residuals, roots, targets)
    if groups is not None:
        basis = Basis(lambda index: problem.rows(loo_rows[index]) @ axes, inverse, moments)
        leave_groups_out(scores, groups[loo_rows], basis, *problem.of(loo_rows), num)
    return problem.path(grid, loo_rows, scores, lambda place: vectors @ (moments / (values + grid[place])[:, None]))


def ridge_path(
    features: Rows,
    targets: Rows,
    penalties: Floats | None = None,
    weights: Floats | None = None,
    groups: Integers | None = None,
    loo_rows: Integers | None = None,
) -> RidgePath:
    """Ridge solutions and exact leave-one-out scores along a grid of penalties; the intercept is not penalized.

    Needs memory for min(sample, feature) squared and for the scores. With more rows than features both kinds of rows are read
    in chunks, twice, so that they may be memory-mapped or made when they are read. Up to 4096 rows and features everything is
    float64; beyond that products are float32, summed in float64.

    Args:
        features: float [sample, feature].
        targets: float64 [sample, class].
        penalties: float [penalty]; by default the mean eigenvalue times 10^-4 to 10^4.
        weights: float [sample], positive; scaled to mean 1. None weighs rows alike.
        groups: int64 [sample]; scored rows of one group are left out together. None leaves out each alone.
        loo_rows: int64 [scored sample]: rows that get leave-one-out scores; None for all.

    Returns:
        The path.

    Raises:
        DataError: A weight is not positive, or there are no rows.
    """
    if not len(features):
        raise DataError("Ridge regression met 0 rows and needs at least 1. Give labeled rows.")
    problem = _problem(mapped_briefly(features), targets, weights)
    solve = _dual if features.shape[0] <= features.shape[1] else _primal
    rows = np.arange(len(features)) if loo_rows is None else loo_rows
    return solve(problem, None if penalties is None else np.asarray(penalties, np.float64), rows, groups)


def loo_sample(num: int, num_classes: int, groups: Integers | None) -> Integers:
    """The rows whose leave-one-out scores choose the penalty, int64, ascending.

    All of few of `num` rows, a fixed random sample of many that takes groups [sample] whole.
    """
    most = min(MOST_LOO_ROWS, max(1, MOST_LOO_VALUES // (len(EXPONENTS) * num_classes)))
    if num <= most:
        return np.arange(num)
    numbered = np.arange(num) if groups is None else np.unique(groups, return_inverse=True)[1]
    turns = generator_for(0, "ridge", "judged").permutation(int(numbered.max()) + 1)[numbered]
    order = np.argsort(turns, kind="stable")
    last = turns[order[most]]
    whole = order[:most][turns[order[:most]] < last]
    return np.sort(whole if len(whole) else order[:most])


def _temperatures_and_losses(scores: Floats, labels: Integers, fair: Booleans) -> tuple[list[float], list[float], int]:
    """Temperature and loss for each penalty from scores [penalty, sample, class], and the place of the chosen penalty."""
    if len(np.unique(labels[fair])) < FEWEST_CLASSES:
        losses = [float(row_losses(one, labels, DEFAULT_TEMPERATURE).mean()) for one in scores]
        return [DEFAULT_TEMPERATURE] * len(scores), losses, int(np.flatnonzero(EXPONENTS == DEFAULT_EXPONENT)[0])
    known = labels[fair]
    temperatures = [fit_temperature(one[fair], known) for one in scores]
    losses = [
        float(row_losses(one[fair], known, temperature).mean()) for one, temperature in zip(scores, temperatures, strict=True)
    ]
    return temperatures, losses, int(np.argmin(losses))


def fit_ridge(
    features: Rows, labels: Integers, num_classes: int, weights: Floats | None = None, groups: Integers | None = None
) -> RidgeFit:
    """A ridge classifier on +-1 one-vs-rest targets, its penalty chosen by leave-one-out likelihood.

    The solution is that of all rows. Above 50,000 rows (or 100 million scores) a random sample of that many chooses the penalty
    and the temperature, each row by the exact fit to all others. A million rows of 2,000 features on disk take less than 1 GB of
    memory.

    A row whose class has no other row does not count, because a fit without it does not know the class. Where fewer than two
    classes have several rows, a fixed penalty and temperature are taken. A class without rows gets the constant score -1.
    Duplicated rows make the leave-one-out scores too good; give them one group.

    Args:
        features: float [sample, feature]: an array, a memory map or other rows to read by slice.
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
    targets = LazyRows((len(labels), num_classes), OneVsRest(labels, num_classes), np.dtype(np.float64))
    path = ridge_path(features, targets, None, weights, groups, loo_sample(len(labels), num_classes, groups))
    return best_fit(path, labels[path.loo_rows], has_mates(labels, groups)[path.loo_rows])


def fit_soft_ridge(features: Rows, probs: Floats, weights: Floats, labeled: Integers) -> RidgeFit:
    """A ridge classifier on soft labels, its penalty chosen by leave-one-out on the rows `labeled`, int64.

    Targets are 2 p - 1 of the probabilities [sample, class], which are 1 at the label of labeled rows; weights [sample] are
    positive. Where the other rows' probabilities followed from these labels, the temperature is too small.
    """
    path = ridge_path(features, 2.0 * probs - 1.0, None, weights, None, labeled)
    return best_fit(path, probs[labeled].argmax(axis=1), np.ones(len(labeled), bool))


def best_fit(path: RidgePath, labels: Integers, fair: Booleans) -> RidgeFit:
    """The solution at the penalty of lowest leave-one-out loss on the scored rows `fair`, bool [scored sample].

    `labels` are those of the scored rows; rows are fair whose class other rows show. Where these have fewer than two classes, the
    default penalty and temperature are taken.
    """
    temperatures, losses, best = _temperatures_and_losses(path.loo_scores, labels, fair)
    weight, bias = path.solution(best)
    return RidgeFit(
        weight=weight,
        bias=bias,
        loo_rows=path.loo_rows,
        loo_scores=np.asarray(path.loo_scores[best], np.float64),
        penalty=float(path.penalties[best]),
        temperature=temperatures[best],
        penalties=tuple(float(penalty) for penalty in path.penalties),
        losses=tuple(losses),
    )
