"""Leave-group-out scores of ridge regression: copies or views of one object must not be used to predict each other.

With a basis B of the weighted, centered rows and hat matrix H = B diag(v) B' + s s' / N, s the roots of the weights, the fit
without the rows of a group g leaves them the residuals

    e_g = (I - H_gg)^-1 r_g

which is the leave-one-out identity with a block in place of a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from headstart.core.types import Floats, Integers

LARGEST_BLOCK = 512
"""Rows of a larger group are left out in parts of this size, because the solve is cubic in it."""
BATCH_VALUES = 20_000_000
"""Values of the basis or of the hat matrix at once: 160 MB."""
JITTER = 1e-9
"""Added to the diagonal of I - H_gg, so that a group that alone decides its fit leaves a solvable system."""


def blocks_of_groups(groups: Integers) -> Iterator[Integers]:
    """Rows of groups that have more than one, int64 [group, row in group], all groups of one size together."""
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order], prepend=groups[order][:1] - 1, append=groups[order][-1:] + 1))
    by_size: dict[int, list[Integers]] = {}
    for begin, end in pairwise(edges):
        for start in range(begin, end, LARGEST_BLOCK):
            rows = order[start : min(start + LARGEST_BLOCK, end)]
            if len(rows) > 1:
                by_size.setdefault(len(rows), []).append(rows)
    for size in sorted(by_size):
        yield np.stack(by_size[size])


class Basis(NamedTuple):
    """A solved ridge problem: B's rows [row, rank] by row indices, v [penalty, rank], and B' times the weighted, centered
    targets.
    """

    rows: Callable[[Integers], Floats]
    strengths: Floats
    moments: Floats


def leave_groups_out(
    scores: Floats, groups: Integers, basis: Basis, roots: Floats, targets: Floats, centered: Floats, num: int
) -> None:
    """Replace the leave-one-out scores [penalty, sample, class] of grouped rows by leave-group-out scores, in place.

    `groups` [sample], `basis`, `roots` s [sample], `targets` and the weighted, centered targets [sample, class] are of these
    rows; N = `num` rows were fitted, among them rows without scores.
    """
    for blocks in blocks_of_groups(groups):
        size = blocks.shape[1]
        step = max(1, BATCH_VALUES // (size * max(basis.strengths.shape[1], size)))
        for start in range(0, len(blocks), step):
            rows = blocks[start : start + step]
            coordinates = np.asarray(basis.rows(rows.ravel()), np.float64).reshape(*rows.shape, -1)
            root = roots[rows][..., None]
            intercept = root @ root.transpose(0, 2, 1) / num
            for index, strength in enumerate(basis.strengths):
                residuals = centered[rows] - coordinates @ (strength[:, None] * basis.moments)
                hat = (coordinates * strength) @ coordinates.transpose(0, 2, 1) + intercept
                left = np.linalg.solve((1 + JITTER) * np.eye(size) - hat, residuals)
                scores[index][rows] = targets[rows] - left / root
