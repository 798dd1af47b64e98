"""Splits: a held-out part, or a number of rows per class, with groups whole."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Integers

TEST_SHARE = 0.2
"""Of each class where rows are set aside without a share that was asked for, as is usual."""
FEWEST_IN_TRAIN = 3
"""Every class keeps this many training rows before any goes to the test set. Chosen, not measured."""


def held_out(labels: Integers, groups: Integers, num_classes: int, seed: int, share: float = TEST_SHARE) -> Booleans:
    """Which rows make the test set, bool [sample]: a share of each class, groups whole; none of a class in one large group.

    Labels and groups are int64 [sample], no label unknown.
    """
    counts = np.bincount(labels, minlength=num_classes)
    wanted = np.minimum(np.maximum(1, np.rint(share * counts)), np.maximum(counts - FEWEST_IN_TRAIN, 0)).astype(np.int64)
    members = _members(labels, groups, num_classes, seed)
    room = wanted.copy()
    chosen = _fill(members, room)
    for label in np.flatnonzero((room == wanted) & (wanted > 0)):
        spare = counts - (wanted - room) - FEWEST_IN_TRAIN + 1
        fitting = [rows for rows, content in members if content[label] and bool((content <= spare).all())]
        if fitting:
            rows = min(fitting, key=len)
            room -= np.bincount(labels[rows], minlength=num_classes)
            chosen.append(rows)
    mask = np.zeros(len(labels), bool)
    mask[np.concatenate([np.empty(0, np.int64), *chosen])] = True
    return mask


def rows_per_class(labels: Integers, groups: Integers, num_classes: int, per_class: int, seed: int) -> tuple[Booleans, Booleans]:
    """Two masks, bool [sample]: which rows stay to learn from, so many of each class, and which are free to test on.

    A class with fewer rows keeps all. Rows in neither mask share a group with a row that is kept.
    """
    room = np.minimum(np.bincount(labels, minlength=num_classes), per_class)
    chosen = _fill(_members(labels, groups, num_classes, seed), room)
    keep = np.zeros(len(labels), bool)
    keep[np.concatenate([np.empty(0, np.int64), *chosen])] = True
    for label in np.flatnonzero(room > 0):
        rest = np.flatnonzero((labels == label) & ~keep)
        keep[generator_for(seed, "per class", int(label)).permutation(rest)[: room[label]]] = True
    return keep, ~np.isin(groups, groups[keep])


def _members(labels: Integers, groups: Integers, num_classes: int, seed: int) -> list[tuple[Integers, Integers]]:
    """The rows and the class counts of each group, in random order."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    shuffled = generator_for(seed, "split").permutation(len(members))
    return [(members[at], np.bincount(labels[members[at]], minlength=num_classes)) for at in shuffled]


def _fill(members: list[tuple[Integers, Integers]], room: Integers) -> list[Integers]:
    """The groups that fit, one after the other; `room` is lowered by their class counts."""
    chosen = []
    for rows, content in members:
        if bool((content <= room).all()):
            room -= content
            chosen.append(rows)
    return chosen
