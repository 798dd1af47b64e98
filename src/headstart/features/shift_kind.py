"""Shift kind: what changed from the source to the target, as far as rows without labels can tell."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import nnls

from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.features.domain_maps import carried, moments_of, monge_matrix
from headstart.features.random_features import RandomFeatures

DRAWS = 300
LARGEST_P_VALUE = 0.05
"""Above it the domains pass for one."""
NEARLY = 3.0
"""Class shares may leave so many times what chance would, and are believed where a map of the features leaves more."""
SUM_WEIGHT = 100.0
"""Of the equation that shares sum to 1, next to those of random features."""

Kind = Literal["none", "labels", "either", "features"]


class ShiftKind(Record):
    """What changed, and what says so.

    Attributes:
        kind: "none" where the rows pass for one domain; "labels" where other shares of the source's classes explain the target
            best; "either" where they may, and a map of the features explains it as well; "features" where they cannot.
        p_value: That both domains have the same distribution.
        label_ratio: What the best class shares leave of the gap, over what chance alone would leave.
        feature_ratio: The same of the best affine map of the source with its own class shares.
        shares: Of the classes in the target, as they explain it best; meant for "labels" alone.
    """

    kind: Kind
    p_value: float
    label_ratio: float
    feature_ratio: float
    shares: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """What changed, for people."""
        if self.kind == "none":
            return f"Source and target pass for one domain (p = {self.p_value:.2g})."
        if self.kind in ("labels", "either"):
            rest = ", but a change of its looks explains it as well." if self.kind == "either" else "."
            return (
                f"The target may differ from the source in nothing but its class shares (p = {self.p_value:.2g}): other shares "
                f"leave {self.label_ratio:.1f} times the gap that chance would leave{rest}"
            )
        return (
            f"The target looks different from the source (p = {self.p_value:.2g}): no shares of the source's classes explain it, "
            f"as they leave {self.label_ratio:.1f} times the gap that chance would leave."
        )


class _Gap(NamedTuple):
    """A squared distance of mean features, and that of each resample without a gap."""

    square: float
    draws: Floats

    @property
    def p_value(self) -> float:
        return float((1 + (self.draws >= self.square).sum()) / (1 + len(self.draws)))

    @property
    def ratio(self) -> float:
        return float(self.square / max(float(self.draws.mean()), 1e-300))


def shift_kind(source: Floats, labels: Integers, target: Floats, num_classes: int, seed: int) -> ShiftKind:
    """What changed between a labeled source and an unlabeled target.

    Three explanations are tried, the simplest first: nothing changed; class shares did; an affine map moved the features. Each
    leaves a gap between mean random features, which is compared with the gaps of a multiplier bootstrap without any.

    Args:
        source: float [source, axis].
        labels: int64 [source].
        target: float [target, axis], at least two rows.
        num_classes: C.
        seed: Of features and draws.

    Returns:
        The kind of shift.

    Reference: the distance is the maximum mean discrepancy of Gretton et al., "A Kernel Two-Sample Test", JMLR 2012; the
        bootstrap that of Chwialkowski, Sejdinovic & Gretton, "A wild bootstrap for degenerate kernel tests", NeurIPS 2014; the
        shares that minimize it are those of Zhang et al., "Domain Adaptation under Target and Conditional Shift", ICML 2013.
    Differs: random features take the place of kernels, and the bootstrap leaves out directions along which shares were
        fitted.
    """
    features = RandomFeatures.of(np.concatenate([source, target]), seed)
    there, here = features(target), features(source)
    same = _one_domain(here, there, seed)
    by_shares, shares = _by_shares(here, labels, there, num_classes, seed)
    before, after = moments_of(source), moments_of(target)
    moved = carried(source, before, after, monge_matrix(before.covariance, after.covariance))
    by_map = _one_domain(features(moved), there, seed)
    return ShiftKind(
        kind=_kind(same, by_shares, by_map),
        p_value=same.p_value,
        label_ratio=by_shares.ratio,
        feature_ratio=by_map.ratio,
        shares=tuple(shares.tolist()),
    )


def _kind(same: _Gap, by_shares: _Gap, by_map: _Gap) -> Kind:
    if same.p_value >= LARGEST_P_VALUE:
        return "none"
    if by_shares.ratio <= min(by_map.ratio, NEARLY):
        return "labels"
    return "either" if by_shares.p_value >= LARGEST_P_VALUE else "features"


def _one_domain(here: Floats, there: Floats, seed: int) -> _Gap:
    gap = there.mean(axis=0) - here.mean(axis=0)
    generator = generator_for(seed, "one domain")
    draws = _multiplied(generator, there, 1.0 / len(there)) - _multiplied(generator, here, 1.0 / len(here))
    return _Gap(float(gap @ gap), (draws**2).sum(axis=1))


def _by_shares(here: Floats, labels: Integers, there: Floats, num_classes: int, seed: int) -> tuple[_Gap, Floats]:
    """The gap that the best class shares leave, and these shares."""
    present = np.unique(labels)
    means = np.stack([here[labels == label].mean(axis=0) for label in present])
    found = nearest_shares(means, there.mean(axis=0))
    gap = there.mean(axis=0) - found @ means
    span = means[found > 0]
    outside = _outside(span[1:] - span[0])
    generator = generator_for(seed, "by shares")
    draws = _multiplied(generator, there, 1.0 / len(there))
    for label, share in zip(present, found, strict=True):
        rows = here[labels == label]
        draws -= _multiplied(generator, rows, share / len(rows))
    shares = np.zeros(num_classes)
    shares[present] = found
    return _Gap(float(gap @ gap), (outside(draws) ** 2).sum(axis=1)), shares


def nearest_shares(means: Floats, target: Floats) -> Floats:
    """The shares, at least 0 and summing to 1, whose mixture of class means comes nearest to the target's mean.

    Args:
        means: float [class, feature].
        target: float [feature].

    Returns:
        float64 [class].
    """
    system = np.vstack([means.T, np.full(len(means), SUM_WEIGHT)])
    shares = nnls(system, np.append(target, SUM_WEIGHT))[0]
    return np.asarray(shares / shares.sum())


def _outside(directions: Floats) -> _Projection:
    return _Projection(np.linalg.qr(directions.T)[0] if len(directions) else np.zeros((directions.shape[1], 0)))


class _Projection(NamedTuple):
    """Takes off what lies in the span of orthonormal columns."""

    basis: Floats

    def __call__(self, rows: Floats) -> Floats:
        return np.asarray(rows - (rows @ self.basis) @ self.basis.T)


def _multiplied(generator: np.random.Generator, rows: Floats, weight: float) -> Floats:
    """Sums of centered rows, each with a random multiplier and the weight, float64 [draw, feature]."""
    centered = rows - rows.mean(axis=0)
    return np.asarray(generator.standard_normal((DRAWS, len(rows))) @ centered * weight)
