"""Label spreading and label propagation on a neighbor graph, both solved by conjugate gradients."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, identity
from scipy.sparse.linalg import cg

from headstart.core.errors import TrainingError
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.heads.class_statistics import one_hot
from headstart.heads.neighbor_graph import Graph

TOLERANCE = 1e-8
"""Residual over right-hand side at which a solution is taken."""
MOST_ITERATIONS = 2_000
"""Of conjugate gradients; a system that needs more is an error. Chosen, not measured."""


def label_spreading(graph: Graph, labels: Integers, num_classes: int, strength: float) -> Floats:
    """Class probabilities of each row, float64 [row, class], when every row mixes its neighbors' with its own label.

    The fixed point of F = a S F + (1 - a) Y, that is F = (1 - a) (I - a S)^-1 Y, each row scaled to sum to 1. Rows that no label
    reaches get the labeled class shares. `labels` are int64 [row], `UNLABELED` where there is none; `strength` is a, in (0, 1).

    Reference: Zhou et al., "Learning with local and global consistency", NeurIPS 2003, eqs. 4-5.
    Differs: the graph joins nearest neighbors by the cube of their cosine.
    """
    targets = one_hot(labels, num_classes)
    system = identity(len(labels), format="csr") - strength * graph.normalized
    return _as_probs(_solved(system, (1.0 - strength) * targets), targets)


def label_propagation(graph: Graph, labels: Integers, num_classes: int, strength: float) -> Floats:
    """Class probabilities of each row, float64 [row, class], when unlabeled rows are the mean of their neighbors.

    With P = D^-1 W, unlabeled rows u and labeled rows l, the fixed point of F_u = a (P F)_u + (1 - a) shares, F_l = Y_l, where
    shares are the labeled classes'. It is solved in the symmetric form G = D^1/2 F. Arguments are as in `label_spreading`.

    Reference: Zhu & Ghahramani, "Learning from labeled and unlabeled data with label propagation", CMU-CALD-02-107, section 2.2;
        Zhu, Ghahramani & Lafferty, "Semi-supervised learning using Gaussian fields and harmonic functions", ICML 2003, eq. 5.
    Differs: each row is tied to the labeled class shares by 1 - a, so that parts of the graph without a label have a solution.
    """
    targets = one_hot(labels, num_classes)
    known = labels != UNLABELED
    free = np.flatnonzero(~known)
    roots = np.sqrt(graph.degrees)[:, None]
    rows = graph.normalized[free]
    given = strength * (rows[:, known] @ (roots[known] * targets[known])) + (1.0 - strength) * roots[free] * _shares(targets)
    system = identity(len(free), format="csr") - strength * rows[:, free]
    out = targets.copy()
    out[free] = _solved(csr_matrix(system), given)
    return _as_probs(out, targets)


def _solved(system: csr_matrix, given: Floats) -> Floats:
    """The solution of a symmetric positive definite system for each column."""
    out = np.zeros(given.shape)
    for column in range(given.shape[1]):
        out[:, column], unsolved = cg(system, given[:, column], rtol=TOLERANCE, maxiter=MOST_ITERATIONS)
        if unsolved:
            raise TrainingError(
                f"Labels have not converged after {MOST_ITERATIONS:,} iterations. Lower method.strength, which is close to 1."
            )
    return out


def _shares(targets: Floats) -> Floats:
    return np.asarray(targets.sum(axis=0) / max(targets.sum(), 1.0))


def _as_probs(values: Floats, targets: Floats) -> Floats:
    """The rows scaled to sum to 1; those without mass become the labeled class shares."""
    floored = np.maximum(values, 0.0)
    mass = floored.sum(axis=1, keepdims=True)
    reached = mass > TOLERANCE
    return np.where(reached, floored / np.where(reached, mass, 1.0), _shares(targets))
