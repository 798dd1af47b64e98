"""Maximum mean discrepancy: its unbiased estimate under a Gaussian kernel. For a loss to minimize see `losses.mmd`."""

from __future__ import annotations

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import Floats


def unbiased_mmd(source: Floats, target: Floats) -> float:
    """Squared maximum mean discrepancy; its expectation is 0 where both samples come from one distribution.

    At most 2; below 0 by chance. Memory and time grow with the square of the rows, [source, feature] and [target, feature]. A
    sample of fewer than two rows is a `DataError`.

    Reference: Gretton et al., "A kernel two-sample test", JMLR 2012, eq. 3, and section 8 for the median as the bandwidth.
    """
    first, second = len(source), len(target)
    if min(first, second) < 2:
        raise DataError(f"A mean discrepancy needs two rows a sample, and these have {first} and {second}.")
    rows = np.asarray(np.concatenate([source, target]), np.float64)
    rows = rows - rows.mean(axis=0)  # so that products lose few digits
    lengths = np.einsum("ij,ij->i", rows, rows)
    squares = np.maximum(lengths[:, None] + lengths[None] - 2.0 * (rows @ rows.T), 0.0)
    bandwidth = float(np.median(np.sqrt(squares[np.triu_indices(len(rows), 1)]))) or 1.0
    kernel = np.exp(-squares / (2.0 * bandwidth**2))
    np.fill_diagonal(kernel, 0.0)
    within = kernel[:first, :first].sum() / (first * (first - 1)) + kernel[first:, first:].sum() / (second * (second - 1))
    return float(within - 2.0 * kernel[:first, first:].mean())
