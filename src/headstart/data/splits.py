"""Who goes where: a held-out part and a number of rows per class, with groups whole."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Integers

TEST_SHARE = 0.2
KEPT_IN_TRAIN = 3
"""No class gives rows to the test set below this many training rows."""


def held_out(labels: Integers, groups: Integers, num_classes: int, seed: int) -> Booleans:
    """Which rows make the test set: a fifth of each class, groups whole; bool [sample].

    Args:
        labels: int64 [sample], none unknown.
        groups: int64 [sample]; a group is held out whole or not at all.
        num_classes: Number of classes.
        seed: Decides which groups.

    Returns:
        True for test rows. A class with too few rows, or in one large group, has none.
    """
    counts = np.bincount(labels, minlength=num_classes)
    wanted = np.minimum(np.maximum(1, np.rint(TEST_SHARE * counts)), np.maximum(counts - KEPT_IN_TRAIN, 0)).astype(np.int64)
    members = _members(labels, groups, num_classes, seed)
    room = wanted.copy()
    chosen = _fill(members, room)
    for label in np.flatnonzero((room == wanted) & (wanted > 0)):
        spare = counts - (wanted - room) - KEPT_IN_TRAIN + 1
        fitting = [rows for rows, content in members if content[label] and bool((content <= spare).all())]
        if fitting:
            rows = min(fitting, key=len)
            room -= np.bincount(labels[rows], minlength=num_classes)
            chosen.append(rows)
    mask = np.zeros(len(labels), bool)
    mask[np.concatenate([np.empty(0, np.int64), *chosen])] = True
    return mask


def kept_per_class(labels: Integers, groups: Integers, num_classes: int, per_class: int, seed: int) -> tuple[Booleans, Booleans]:
    """Which rows stay to learn from, and which are free to test on.

    Args:
        labels: int64 [sample], none unknown.
        groups: int64 [sample].
        num_classes: Number of classes.
        per_class: Rows wanted of each class; a class with fewer keeps all it has.
        seed: Decides which.

    Returns:
        Two masks, bool [sample]. Rows in neither share a group with a kept row.
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
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    shuffled = generator_for(seed, "split").permutation(len(parts))
    return [(parts[at], np.bincount(labels[parts[at]], minlength=num_classes)) for at in shuffled]


def _fill(members: list[tuple[Integers, Integers]], room: Integers) -> list[Integers]:
    """The groups that fit one after the other; `room` is lowered by what they take."""
    chosen = []
    for rows, content in members:
        if bool((content <= room).all()):
            room -= content
            chosen.append(rows)
    return chosen
