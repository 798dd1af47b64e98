"""Logistic regression, one against the rest, by scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.types import Floats, Integers
from headstart.data.folds import stratified_folds
from headstart.methods.heads import LinearHead
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.fits.base import OutputFit, represented
from headstart.multioutput.member import Member
from headstart.multioutput.task import OutputTask

EXPONENTS = (-2.0, -3.0, -4.0)
"""Penalties that are tried, as powers of ten times the mean squared length of the rows: the middle of the path of
`headstart.heads.logistic`."""
HELD_OUT_DIVISOR = 4
"""One row in so many chooses among them."""


@final
class Logistic(OutputFit):
    """A sigmoid a class, on all rows, at the one penalty for all that has the least log loss on a held-out quarter."""

    def fit(
        self, task: OutputTask, rows: Integers, candidate: OutputCandidate, backbone: Backbone, workspace: Path | None
    ) -> Member:
        images, features, representation = represented(task, rows, candidate, backbone)
        matrix = np.asarray(representation.matrix(features), np.float64)
        center = matrix.mean(axis=0)
        left, sizes, axes = np.linalg.svd(matrix - center, full_matrices=False)
        rotated, targets = left * sizes, (task.encoded[rows] > 0).astype(np.float64)
        scale = float((rotated**2).sum()) / len(rotated)
        fold = stratified_folds(images.labels, images.groups, HELD_OUT_DIVISOR, task.images.seed)[0]
        losses = []
        for exponent in EXPONENTS:
            weight, bias = _one_against_rest(rotated[fold.fit], targets[fold.fit], scale * 10.0**exponent)
            logits = rotated[fold.held_out] @ weight + bias
            losses.append(float((np.logaddexp(0, logits) - targets[fold.held_out] * logits).mean()))
        weight, bias = _one_against_rest(rotated, targets, scale * 10.0 ** EXPONENTS[int(np.argmin(losses))])
        weight = axes.T @ weight
        return Member(backbone, LinearHead(representation, np.asarray(weight, np.float32), bias - center @ weight))


def _one_against_rest(rows: Floats, targets: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Weight [feature, class] and bias [class]; a class that all rows or none show has its log odds alone."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  a prediction needs none

    weight, bias = np.zeros((rows.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    for one in range(targets.shape[1]):
        share = (targets[:, one].sum() + 0.5) / (len(targets) + 1)
        bias[one] = np.log(share / (1 - share))
        if 0 < targets[:, one].sum() < len(targets):
            found = LogisticRegression(C=1 / (penalty * len(rows)), max_iter=500, tol=1e-4).fit(rows, targets[:, one])
            weight[:, one], bias[one] = found.coef_[0], found.intercept_[0]
    return weight, bias
