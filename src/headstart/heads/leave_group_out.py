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

from headstart.core.rows import row_slices
from headstart.core.types import Floats, Integers

LARGEST_BLOCK = 480
"""Rows of a larger group are left out in parts of this size, because the solve is cubic in it. Pictures that stand with their
views in up to six rows, or in eight, ten or twelve, are never cut, as their number divides it."""
BATCH_VALUES = 20_000_000
"""Values of the basis or of the hat matrix at once: 160 MB."""
MOST_PAIRED = 8
"""Up to this size the products of every pair of a group's rows are multiplied with the strengths of all penalties at once.
Chosen, not measured."""
STACKED_COLUMNS = 256
"""Columns that one product has at most, penalties times classes, unless there are more classes: it bounds the memory. Chosen, not
measured."""
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
            hats = _hat_blocks(coordinates, np.asarray(basis.strengths, np.float64))
            for part in penalty_slices(len(scores), targets.shape[1]):
                fitted = along_penalties(coordinates.reshape(rows.size, -1), basis.strengths[part], basis.moments)
                residuals = centered[rows] - fitted.reshape(len(fitted), *rows.shape, -1)
                for place, residual in enumerate(residuals, part.start):
                    left = np.linalg.solve((1 + JITTER) * np.eye(size) - next(hats) - intercept, residual)
                    scores[place][rows] = targets[rows] - left / root


def _hat_blocks(coordinates: Floats, strengths: Floats) -> Iterator[Floats]:
    """For each penalty the blocks B_g diag(v) B_g' [group, row, row] from B_g [group, row, rank] and v [penalty, rank]."""
    num, size, _ = coordinates.shape
    if size > MOST_PAIRED:
        for strength in strengths:
            yield (coordinates * strength) @ coordinates.transpose(0, 2, 1)
        return
    hats = np.empty((len(strengths), num, size, size))
    for one in range(size):
        for other in range(one, size):
            values = strengths @ (coordinates[:, one] * coordinates[:, other]).T
            hats[:, :, one, other] = hats[:, :, other, one] = values
    yield from hats


def penalty_slices(num_penalties: int, num_classes: int) -> Iterator[slice]:
    """Slices of the penalties whose scores are computed by one product."""
    return row_slices(num_penalties, max(1, STACKED_COLUMNS // num_classes))


def along_penalties(rows: Floats, strengths: Floats, moments: Floats) -> Floats:
    """For each v the product rows @ diag(v) @ moments, [penalty, row, class], all by one product.

    `rows` are [row, rank], `strengths` v [penalty, rank], `moments` [rank, class].
    """
    columns = (strengths.T[:, :, None] * moments[:, None]).reshape(len(moments), -1)
    return (rows @ columns).reshape(len(rows), len(strengths), -1).transpose(1, 0, 2)
