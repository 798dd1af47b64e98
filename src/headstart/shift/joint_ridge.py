"""Joint ridge: what source rows add to a target's own labels, measured on left-out target rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.heads.class_statistics import has_mates, one_hot
from headstart.heads.ridge_leave_one_out import RidgeFit, best_fit, ridge_path


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
    target: Labeled, sources: list[tuple[Labeled, float]], num_classes: int, validation_rows: Integers | None = None
) -> RidgeFit:
    """Ridge on target rows and all source rows, with exact leave-one-out scores of the target rows.

    One eigendecomposition serves all penalties. The penalty is the one that predicts the left-out target rows best: those of
    `validation_rows`, int64, or those whose class other rows show. `sources` are rows of each source with the weight of one of
    them; a target row weighs 1.
    """
    domains = [target, *(source for source, _ in sources)]
    rows = np.concatenate([np.asarray(domain.rows, np.float64) for domain in domains])
    labels = np.concatenate([domain.labels for domain in domains])
    groups = np.concatenate([domain.groups for domain in domains])
    weights = np.concatenate([np.ones(len(target)), *(np.full(len(source), weight) for source, weight in sources)])
    num = len(target)
    same_group = num + np.flatnonzero(np.isin(groups[num:], target.groups))
    left = np.concatenate([np.arange(num), same_group])
    path = ridge_path(rows, 2.0 * one_hot(labels, num_classes) - 1.0, None, weights, groups, left)
    path = replace(path, loo_rows=left[:num], loo_scores=np.asarray(path.loo_scores[:, :num], np.float64))
    fair = has_mates(labels, groups)[:num] if validation_rows is None else np.isin(np.arange(num), validation_rows)
    return best_fit(path, target.labels, fair)
