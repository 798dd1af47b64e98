"""Shift kind: what changed from the source to the target, as far as rows without labels can tell."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.spatial.distance import cdist

from headstart.core.records import Record
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.shift.label_shift import MOST_TURNS
from headstart.shift.moments import moments_of, monge_matrix, transported
from headstart.shift.random_features import RandomFeatures
from headstart.shift.transport import best_rotation

DRAWS = 300
LARGEST_P_VALUE = 0.05
"""Above it the domains pass for one."""
FEWEST_TARGET = 8
"""Rows of the target from which what changed is told: two-dimensional Gaussians two standard deviations apart pass for one domain
in 62 % of draws with 2 rows, in 19 % with 6 and in 6 % with 8 (60 and 200 source rows)."""
NEARLY = 3.0
"""Class shares may leave so many times what chance would, and are believed where a map of the features leaves no less."""
CLEARLY_LESS = 2.0
"""Times less than a map of the features must class shares leave, or the map less than they, or both explain the target."""
CLEARLY_BETTER = 1.5
"""How much less a turn must leave than the map, which has more freedom."""
NUM_HALVES = 4
STEADY = 0.8
"""Share of target rows whose nearest turned source row keeps its class on every half."""
SUM_WEIGHT = 100.0
"""Of the equation that shares sum to 1, next to those of random features."""

Kind = Literal["few", "none", "labels", "either", "features", "turned"]
KEPT: dict[str, tuple[str, str]] = {
    "few": ("the target has too few images to tell what changed", "Without labels, the unadapted model is kept."),
    "none": ("source and target pass for one domain", "There is nothing to adapt to."),
}
"""Kinds under which the unadapted model is kept whatever candidates say: why, as a part of a sentence, and what follows."""


class ShiftKind(Record):
    """What changed, and what says so.

    Attributes:
        kind: "few" where the target has too few rows to tell; "none" where the rows pass for one domain; "labels" where other
            shares of the source's classes explain the target best; "either" where they may, and a map of the features explains it
            as well; "features" where they cannot; "turned" where they cannot, nor an affine map that keeps directions, but a
            rotation or mirror image of the source can.
        p_value: That both domains have the same distribution.
        label_ratio: What the best class shares leave of the gap, over what chance alone would leave.
        feature_ratio: The same of the linear Monge map of the source with its own class shares.
        turn_ratio: The same of the best rotation; None where it was not looked for.
        shares: Of the classes in the target, as they explain it best; meant for "labels" alone.
    """

    kind: Kind
    p_value: float
    label_ratio: float
    feature_ratio: float
    turn_ratio: float | None
    shares: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """What changed, for people."""
        if self.kind == "few":
            return f"The target has fewer than {FEWEST_TARGET} images, too few to tell what changed."
        if self.kind == "none":
            return f"Source and target pass for one domain (p = {self.p_value:.2g})."
        if self.kind in ("labels", "either"):
            rest = ", but a change of its looks explains it as well." if self.kind == "either" else "."
            return (
                f"The target may differ from the source in nothing but its class shares (p = {self.p_value:.2g}): other shares "
                f"leave {self.label_ratio:.1f} times the gap that chance would leave{rest}"
            )
        rest = "; a rotation or mirror image of the source does" if self.kind == "turned" else ""
        return (
            f"The target looks different from the source (p = {self.p_value:.2g}): no shares of the source's classes explain it, "
            f"as they leave {self.label_ratio:.1f} times the gap that chance would leave{rest}."
        )

    @property
    def why_kept(self) -> str:
        """Why the unadapted model is kept whatever candidates say, as a part of a sentence; empty where they are heard."""
        return KEPT[self.kind][0] if self.kind in KEPT else ""

    @property
    def conclusion(self) -> str:
        """What follows where the unadapted model is kept whatever candidates say, as a sentence; empty where they are heard."""
        return KEPT[self.kind][1] if self.kind in KEPT else ""


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

    A target of few rows tells nothing. Else explanations are tried, the simplest first: nothing changed; class shares did; an
    affine map moved the features; all rows were turned or mirrored as one. The last is looked for where POT is installed and
    nothing else will do, and believed where turns found on halves of the rows agree about classes. Each leaves a gap between mean
    random features, which is compared with the gaps of a multiplier bootstrap without any.

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
    moved = transported(source, before, after, monge_matrix(before.covariance, after.covariance))
    by_map = _one_domain(features(moved), there, seed)
    kind = _kind(same, by_shares, by_map) if len(target) >= FEWEST_TARGET else "few"
    by_turn = None
    if kind == "features" and by_map.p_value < LARGEST_P_VALUE and find_spec("ot"):
        by_turn = _one_domain(features(rotated_source(source, target, seed)), there, seed)
        explained = by_turn.ratio <= min(NEARLY, by_map.ratio / CLEARLY_BETTER)
        kind = "turned" if explained and _steady(source, labels, target, seed) else kind
    return ShiftKind(
        kind=kind,
        p_value=same.p_value,
        label_ratio=by_shares.ratio,
        feature_ratio=by_map.ratio,
        turn_ratio=by_turn.ratio if by_turn else None,
        shares=tuple(shares.tolist()),
    )


def rotated_source(source: Floats, target: Floats, seed: int) -> Floats:
    """Source rows turned or mirrored as one about their mean, and laid on the target's mean, so that they fit the target best."""
    everyone = np.arange(len(source)), np.arange(len(target))
    return _rotated(source, target, *everyone, seed)


def _rotated(source: Floats, target: Floats, here: Integers, there: Integers, seed: int) -> Floats:
    """All source rows, turned as some of them fit some target rows best."""
    ours, theirs = source[here].mean(axis=0), target[there].mean(axis=0)
    return np.asarray((source - ours) @ best_rotation(source[here] - ours, target[there] - theirs, seed) + theirs)


def _steady(source: Floats, labels: Integers, target: Floats, seed: int) -> bool:
    """Whether turns found on random halves give target rows the same classes: a symmetric shape fits in several ways."""
    generator = generator_for(seed, "halves")
    known = labels[cdist(target, rotated_source(source, target, seed)).argmin(axis=1)]
    for _ in range(NUM_HALVES):
        here, there = (generator.permutation(len(rows))[: len(rows) // 2] for rows in (source, target))
        moved = _rotated(source, target, here, there, seed)
        if (labels[cdist(target, moved).argmin(axis=1)] == known).mean() < STEADY:
            return False
    return True


def _kind(same: _Gap, by_shares: _Gap, by_map: _Gap) -> Kind:
    if same.p_value >= LARGEST_P_VALUE:
        return "none"
    if by_shares.ratio <= min(by_map.ratio / CLEARLY_LESS, NEARLY):
        return "labels"
    close = by_shares.ratio <= min(CLEARLY_LESS * by_map.ratio, NEARLY)
    return "either" if close or by_shares.p_value >= LARGEST_P_VALUE else "features"


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
    shares = nnls(system, np.append(target, SUM_WEIGHT), maxiter=MOST_TURNS)[0]
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
