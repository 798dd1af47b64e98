"""Joint ridge: what source rows add to a target's own labels, judged on target rows left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import has_mates, one_hot
from headstart.heads.ridge import EXPONENTS, UNJUDGED_EXPONENT, UNJUDGED_TEMPERATURE, ridge_path
from headstart.heads.temperature import fit_temperature, row_losses


@dataclass(frozen=True)
class LeftOut:
    """What a fit to all other rows says of each target row.

    Attributes:
        scores: float64 [target, class].
        temperature: Fitted to them.
        loss: Mean negative log-likelihood of the judged rows.
        weight: Of the fit to all rows at the same penalty, float64 [feature, class].
        bias: Of that fit, float64 [class].
    """

    scores: Floats = field(repr=False)
    temperature: float
    loss: float
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)

    @property
    def probs(self) -> Floats:
        """float64 [target, class]."""
        return np.asarray(softmax(self.scores / self.temperature, axis=1))


@dataclass(frozen=True)
class Labeled:
    """Labeled rows of one domain, or of several.

    Attributes:
        rows: float [sample, feature].
        labels: int64 [sample].
        groups: int64 [sample]; a group that two domains share is left out of both.
    """

    rows: Floats = field(repr=False)
    labels: Integers = field(repr=False)
    groups: Integers = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)


def leave_target_out(
    target: Labeled, sources: list[tuple[Labeled, float]], num_classes: int, judged: Integers | None = None
) -> LeftOut:
    """Exact leave-one-out scores of target rows by ridge on the other target rows and all source rows.

    One eigendecomposition answers all penalties. The penalty is the one that predicts the left-out target rows best.

    Args:
        target: Labeled rows to judge by.
        sources: Rows of each source with what one of them weighs; a target row weighs 1.
        num_classes: C.
        judged: int64: target rows that choose the penalty; those whose class other rows show, where None.

    Returns:
        Scores of all target rows.
    """
    parts = [target, *(source for source, _ in sources)]
    rows = np.concatenate([np.asarray(part.rows, np.float64) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    weights = np.concatenate([np.ones(len(target)), *(np.full(len(source), weight) for source, weight in sources)])
    num = len(target)
    kin = num + np.flatnonzero(np.isin(groups[num:], target.groups))
    left = np.concatenate([np.arange(num), kin])
    path = ridge_path(rows, 2.0 * one_hot(labels, num_classes) - 1.0, None, weights, groups, left)
    scores = np.asarray(path.loo_scores[:, :num], np.float64)
    fair = np.flatnonzero(has_mates(labels, groups)[:num]) if judged is None else judged
    if len(np.unique(target.labels[fair])) < 2:
        place = int(np.flatnonzero(EXPONENTS == UNJUDGED_EXPONENT)[0])
        loss = float(row_losses(scores[place], target.labels, UNJUDGED_TEMPERATURE).mean())
        return LeftOut(scores[place], UNJUDGED_TEMPERATURE, loss, path.weights[place], path.biases[place])
    known = target.labels[fair]
    temperatures = [fit_temperature(one[fair], known) for one in scores]
    losses = [float(row_losses(one[fair], known, warmth).mean()) for one, warmth in zip(scores, temperatures, strict=True)]
    best = int(np.argmin(losses))
    return LeftOut(scores[best], temperatures[best], losses[best], path.weights[best], path.biases[best])
