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
    one at most; a class with fewer rows than there are folds is absent from some of these parts. There are fewer folds where the
    groups allow no more, but at least 2.
    """
    wanted = max(2, min(num_folds, len(np.unique(groups))))
    fold_of = _dealt(labels, groups, wanted, seed)
    return tuple(Fold(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(wanted))


def folds_with_two_classes(labels: Integers, groups: Integers, num_folds: int, seed: int) -> tuple[Fold, ...]:
    """The same, where every fold is fitted to two classes at least; none where that cannot be.

    A class whose rows are all in one group is held out whole, and its rows are then predicted wrong. Where fewer than two others
    are left, such groups are in `fit` of every fold instead.
    """
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    num_groups = np.bincount(pairs[0])
    if (num_groups > 1).sum() >= 2:
        return stratified_folds(labels, groups, num_folds, seed)
    whole_classes = pairs[1][num_groups[pairs[0]] == 1]
    rows = np.flatnonzero(~np.isin(groups, whole_classes))
    if len(np.unique(groups[rows])) < 2 or (num_groups > 0).sum() < 2:
        return ()
    folds = stratified_folds(labels[rows], groups[rows], num_folds, seed)
    return tuple(Fold(np.setdiff1d(np.arange(len(labels)), rows[fold.held_out]), rows[fold.held_out]) for fold in folds)


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
