"""Scores of rows by fits that have not seen them, where leave-one-out has no closed form."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from headstart.core.types import Floats, Integers
from headstart.data.folds import Fold, stratified_folds

NUM_FOLDS = 5
HOLDOUT_ROWS = 5_000


def inner_folds(labels: Integers, groups: Integers | None, seed: int) -> tuple[Fold, ...]:
    """Folds of training rows for choosing inside a method: five, one above 5,000 rows, none when no class has two rows.

    Args:
        labels: int64 [sample].
        groups: int64 [sample]; rows of one group stay together. None makes every row its own group.
        seed: Decides who goes where.

    Returns:
        The folds.
    """
    own = np.arange(len(labels)) if groups is None else groups
    counts = np.bincount(labels)
    if not len(labels) or counts.max() < 2 or len(np.unique(own)) < 2:
        return ()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = stratified_folds(labels, own, NUM_FOLDS, seed)
    usable = tuple(fold for fold in folds if len(fold.fit) and len(fold.held))
    return usable[:1] if len(labels) >= HOLDOUT_ROWS else usable


def out_of_fold(fit_and_score: Callable[[Fold], Floats], folds: tuple[Fold, ...]) -> tuple[Floats, Integers]:
    """The held-out scores of all folds, and the rows they belong to.

    Args:
        fit_and_score: Fits to a fold's `fit` rows and scores its `held` rows.
        folds: At least one.

    Returns:
        float [held sample, class] and int64 [held sample].
    """
    return np.concatenate([fit_and_score(fold) for fold in folds]), np.concatenate([fold.held for fold in folds])
