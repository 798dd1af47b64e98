"""Multinomial logistic regression: one penalty, or a warm-started path chosen out of fold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold
from headstart.heads.class_statistics import one_hot, with_absent_classes
from headstart.heads.out_of_fold import out_of_fold
from headstart.heads.temperature import fit_temperature, row_losses

EXPONENTS = np.arange(0.0, -6.5, -0.5)
"""Penalties that are tried, from the largest, as powers of ten times the rows' mean squared length."""
PATIENCE = 2
"""Penalties in a row that are worse than the best before the path ends. Chosen, not measured."""
DEFAULT_EXPONENT = -3.0
"""Used without folds: the middle of the path. Chosen, not measured."""


@dataclass(frozen=True)
class LogisticFit:
    """A linear classifier.

    Attributes:
        weight: float64 [feature, class].
        bias: float64 [class].
        penalty: Weight of half the squared norm, next to the mean loss of a row.
        temperature: Fitted to the scores out of fold; 1 when there were no folds.
    """

    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    penalty: float
    temperature: float


def minimize_logistic(rows: Floats, labels: Integers, num_classes: int, penalty: float, start: Floats | None = None) -> Floats:
    """The minimum of mean cross-entropy + penalty / 2 |weight|^2, float64 [feature + 1, class]; the last row is the bias.

    The bias is not penalized. `rows` are [sample, feature]; every class has rows; the search begins at `start`, or at zero.
    scikit-learn's `LogisticRegression` has the same minimum, but its own tolerance of the loss, 1e-14, which cannot be set.
    """
    num, width = rows.shape
    targets = one_hot(labels, num_classes)

    def loss_and_slope(flat: Floats) -> tuple[float, Floats]:
        joined = flat.reshape(width + 1, num_classes)
        weight = joined[:-1]
        scores = np.asarray(rows @ weight.astype(rows.dtype) + joined[-1], np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        probs = np.exp(scores)
        totals = probs.sum(axis=1, keepdims=True)
        loss = float(np.log(totals).mean() - (scores * targets).sum() / num + penalty / 2 * (weight**2).sum())
        errors = (probs / totals - targets) / num
        slope = np.concatenate([rows.T @ errors.astype(rows.dtype) + penalty * weight, errors.sum(axis=0)[None]])
        return loss, slope.ravel()

    begin = np.zeros((width + 1, num_classes)) if start is None else start
    options = {"maxiter": 300, "maxfun": 400, "ftol": 1e-9, "gtol": 1e-6}
    found = minimize(loss_and_slope, begin.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(width + 1, num_classes))


def fit_logistic(rows: Floats, labels: Integers, num_classes: int, folds: tuple[Fold, ...]) -> LogisticFit:
    """Logistic regression, its penalty chosen by cross-entropy out of fold and after temperature.

    Rotate the rows [sample, feature] into the space they span first: the optimum is the same by the representer theorem, and each
    step costs min(sample, feature) columns only. Without folds, the penalty is a thousandth of the rows' mean squared length.
    Classes without rows get a score below all others.
    """
    scale = float(np.einsum("ij,ij->", rows, rows, dtype=np.float64)) / len(rows)
    scale = scale if scale > 1e-290 else 1.0
    if not folds:
        penalty = scale * 10.0**DEFAULT_EXPONENT
        return LogisticFit(*_solved(rows, labels, num_classes, penalty, None)[:2], penalty, 1.0)
    starts: dict[int, Floats] = {}
    best, worse = (np.inf, scale, 1.0), 0
    for penalty in scale * 10.0**EXPONENTS:

        def held_out_scores(fold: Fold, penalty: float = penalty) -> Floats:
            key = int(fold.held_out[0])
            weight, bias, starts[key] = _solved(rows[fold.fit], labels[fold.fit], num_classes, penalty, starts.get(key))
            return np.asarray(rows[fold.held_out] @ weight + bias)

        scores, rows_of_scores = out_of_fold(held_out_scores, folds)
        temperature = fit_temperature(scores, labels[rows_of_scores])
        loss = float(row_losses(scores, labels[rows_of_scores], temperature).mean())
        worse = 0 if loss < best[0] else worse + 1
        best = min(best, (loss, float(penalty), temperature))
        if worse == PATIENCE:
            break
    weight, bias, _ = _solved(rows, labels, num_classes, best[1], None)
    return LogisticFit(weight, bias, best[1], best[2])


def _solved(
    rows: Floats, labels: Integers, num_classes: int, penalty: float, start: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Weight and bias for all classes, and the solution among those that have rows, to start the next from."""
    present, numbered = np.unique(labels, return_inverse=True)
    joined = minimize_logistic(rows, numbered, len(present), penalty, start)
    lowest = float((rows @ joined[:-1] + joined[-1]).min()) - np.log(len(rows) + 1.0)
    weight, bias = with_absent_classes(joined[:-1], joined[-1], present, num_classes, lowest)
    return weight, bias, joined
