"""Folds that keep classes in proportion and groups whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Integers


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows held out, both int64 indices into the same set."""

    fit: Integers
    held_out: Integers


def stratified_folds(labels: Integers, groups: Integers, num_folds: int, seed: int) -> tuple[Fold, ...]:
    """Folds whose held-out parts partition the rows.

    Groups are dealt in random order, large ones first, each to the fold that has the smallest share of its classes so far. A
    class with two groups or more of its own is thus never held out whole, and without groups the folds' class counts differ by
    one at most. There are fewer folds where the rarest class or the groups allow no more, but at least 2.
    """
    present = np.bincount(labels)
    num_groups = len(np.unique(groups))
    wanted = max(2, min(num_folds, int(present[present > 0].min()), num_groups))
    fold_of = _dealt(labels, groups, wanted, seed)
    return tuple(Fold(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(wanted))


def _dealt(labels: Integers, groups: Integers, num_folds: int, seed: int) -> Integers:
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    shuffled = generator_for(seed, "folds").permutation(len(members))
    weight = (1 / np.maximum(1, np.bincount(labels))).tolist()
    load = [[0.0] * len(weight) for _ in range(num_folds)]
    size = [0] * num_folds
    fold_of = np.empty(len(labels), np.int64)
    for at in sorted(shuffled.tolist(), key=lambda at: -len(members[at])):
        rows = members[at]
        content = labels[rows].tolist()
        present = set(content)
        fold = min(range(num_folds), key=lambda fold: (round(sum(load[fold][label] for label in present), 9), size[fold]))
        for label in content:
            load[fold][label] += weight[label]
        size[fold] += len(content)
        fold_of[rows] = fold
    return fold_of
