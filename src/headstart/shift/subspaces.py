"""Subspaces: principal directions of a domain, and transfer components of two."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from headstart.core.linear_algebra import symmetric_eigen
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import Floats
from headstart.heads.kernel_map import KernelMap, gaussian, median_square

MOST_ROWS = 500
"""Rows of each domain that transfer components are computed from: the cost grows with their cube. Chosen, not measured."""


def leading_directions(rows: Floats, num: int) -> Floats:
    """At most `num` orthonormal directions in which rows [sample, axis] vary most, float64 [axis, direction], largest first."""
    centered = rows - rows.mean(axis=0)
    return np.asarray(symmetric_eigen(centered.T @ centered)[1][:, ::-1][:, :num])


def transfer_components(source: Floats, target: Floats, num: int, penalty: float, seed: int) -> KernelMap:
    """A kernel map to at most `num` components that vary much while the means of the two domains in them agree.

    A component is larger the more it varies against what it costs. Rows are [source, axis] and [target, axis]; `penalty` is the
    paper's mu, above 0, relative to the kernel's mean eigenvalue: the weight of simplicity against agreement.

    Reference: Pan et al., "Domain Adaptation via Transfer Component Analysis", IEEE TNN 2011, eqs. 6 and 9.
    Differs: the kernel is Gaussian with the median squared distance as squared width; of many rows only some are taken;
        components are scaled by the roots of their eigenvalues instead of having equal variances.
    """
    few = [
        rows[random_rows(len(rows), MOST_ROWS, generator_for(seed, "components", side))]
        for rows, side in ((source, "source"), (target, "target"))
    ]
    both = np.concatenate(few)
    gamma = 1.0 / median_square(both, seed)
    kernel = gaussian(both, both, gamma)
    signs = np.concatenate([np.full(len(few[0]), 1.0 / len(few[0])), np.full(len(few[1]), -1.0 / len(few[1]))])
    apart = kernel @ signs
    within = kernel - kernel.mean(axis=0)
    cost = np.outer(apart, apart) * len(both) + penalty * np.trace(kernel) / len(both) * np.eye(len(both))
    scatter = within.T @ within / len(both)
    values, vectors = eigh(scatter, cost, subset_by_index=(max(len(both) - num, 0), len(both) - 1))
    deviations = np.maximum((within @ vectors).std(axis=0), 1e-12)
    sizes = np.sqrt(np.maximum(values, 0.0) / max(values[-1], 1e-290))
    return KernelMap(both, gamma, (vectors * sizes / deviations)[:, ::-1])
