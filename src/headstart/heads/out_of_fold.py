"""Out-of-fold scores, where leave-one-out has no closed form."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold, stratified_folds
from headstart.heads.class_statistics import has_mates

NUM_FOLDS = 5
"""Five or ten are a good compromise (Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", section 7.10.1)."""
HOLDOUT_ROWS = 5_000
"""From this many rows on, one fold of 1,000 rows or more is enough. Chosen, not measured."""


def inner_folds(labels: Integers, groups: Integers | None, seed: int) -> tuple[Fold, ...]:
    """Folds of training rows for choosing inside a method: five, one from 5,000 rows on, none where no class has two groups.

    Rows of one group stay together; without `groups` every row is its own group. Labels and groups are int64 [sample].
    """
    own = np.arange(len(labels)) if groups is None else groups
    if not len(labels) or not has_mates(labels, own).any():
        return ()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = stratified_folds(labels, own, NUM_FOLDS, seed)
    usable = tuple(fold for fold in folds if len(fold.fit) and len(fold.held_out))
    return usable[:1] if len(labels) >= HOLDOUT_ROWS else usable


def out_of_fold(fit_and_score: Callable[[Fold], Floats], folds: tuple[Fold, ...]) -> tuple[Floats, Integers]:
    """The held-out scores of all folds, float [held-out sample, class], and their rows, int64 [held-out sample].

    `fit_and_score` fits to a fold's `fit` rows and scores its `held` rows.
    """
    return np.concatenate([fit_and_score(fold) for fold in folds]), np.concatenate([fold.held_out for fold in folds])
