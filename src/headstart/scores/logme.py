"""LogME: the log evidence of Bayesian linear regression, maximized without an iteration that may diverge."""

from __future__ import annotations

import numpy as np

from headstart.core.linear_algebra import RowSpace, row_space_of_gram
from headstart.core.types import Floats, Integers
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact, one_hot
from headstart.scores import ranking

GRID = 120
"""Points of the grid over sixteen decades of alpha / beta, which golden section refines."""
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


def logme_of_draws(features: LabeledFeatures, draws: list[Integers]) -> Floats:
    """LogME of sub-sets of rows, from one matrix of inner products, float64 [draw]; nan where a sub-set has one class only."""
    exact = np.asarray(features.features, np.float64)
    gram = exact @ exact.T
    values = np.empty(len(draws))
    for index, rows in enumerate(draws):
        part = gram[np.ix_(rows, rows)]
        part = part - part.mean(axis=0) - part.mean(axis=1, keepdims=True) + part.mean()
        evidence = _centered_evidence(row_space_of_gram(part), features.labels[rows])
        values[index] = np.nan if evidence is None else evidence
    return values


@ranking(by_draw=logme_of_draws)
def logme(labeled: LabeledFeatures) -> float | None:
    """How well linear models explain the labels, averaged over all such models: mean log evidence a row and class.

    High where the leading principal components of the features predict the labels. It predicts the accuracy of a linear probe,
    not of fine-tuning.

    Nats a row; None with one class only.

    Reference: You et al., "LogME: practical assessment of pre-trained models for transfer learning", ICML 2021, eqs. 2-4.
    Differs: the noise precision is profiled out and the ratio of precisions found on a grid and by golden section instead of
        the fixed-point iteration, which need not converge; features and targets are centered, which leaves N - 1
        observations, so that a constant offset is no evidence.
    """
    return _centered_evidence(labeled.space, labeled.labels)


def _centered_evidence(space: RowSpace, labels: Integers) -> float | None:
    numbered = compact(labels)
    if numbered.max() == 0:
        return None
    targets = one_hot(numbered, int(numbered.max()) + 1)
    return float(log_evidence(space, targets - targets.mean(axis=0), len(labels) - 1).mean())


def log_evidence(space: RowSpace, targets: Floats, num: int) -> Floats:
    """The highest log evidence of each target column over both precisions, divided by the number of rows, float64 [class].

    No column of the targets [sample, class] may be zero. The maximum is over log t, t = alpha / beta, with beta at its optimum
    num / q(t):

    q(t) = r0 + sum_j t z_j^2 / (s_j^2 + t), z = U' y, r0 = |y|^2 - |z|^2;
    evidence(t) / num = -log(2 pi q / num) / 2 - 1 / 2 - sum_j log(1 + s_j^2 / t) / (2 num).

    Where features span all observations the evidence has a limit for t to 0. Where they do not, and explain a target perfectly,
    it has none, and r0 is floored.
    """
    energy = (targets**2).sum(axis=0)
    projected = (space.left.T @ targets) ** 2
    values = space.values
    spans_all = len(values) >= num
    rest = np.zeros_like(energy) if spans_all else np.maximum(energy - projected.sum(axis=0), 1e-10 * energy)

    def evidence(log_ratio: Floats) -> Floats:
        """[point, class] at log t of [point, class], or of [point, 1] for all classes."""
        ratio = np.exp(log_ratio)[..., None]
        shares = ratio / (values + ratio)
        misfit = np.einsum("pkj,jc->pc" if shares.shape[1] == 1 else "pcj,jc->pc", shares, projected)
        penalty = -np.log(shares).sum(axis=-1)
        return np.asarray(-0.5 * np.log(2 * np.pi * (rest + misfit) / num) - 0.5 - penalty / (2 * num))

    scale = np.log(values.mean()) if len(values) else 0.0
    grid = scale + np.linspace(np.log(1e-8), np.log(1e8), GRID)
    best = grid[evidence(grid[:, None]).argmax(axis=0)]
    step = grid[1] - grid[0]
    low, high = best - step, best + step
    for _ in range(40):
        width = GOLDEN * (high - low)
        left, right = high - width, low + width
        left_value, right_value = evidence(np.stack([left, right]))
        low, high = np.where(left_value < right_value, left, low), np.where(left_value < right_value, high, right)
    return np.asarray(evidence(((low + high) / 2)[None])[0])
