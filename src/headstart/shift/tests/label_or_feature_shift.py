"""Shift kind: what changed from the source to the target, judged without target labels."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from scipy.optimize import nnls

from headstart.core.records import Migration, Record, renamed
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.shift.label_shift import MOST_ITERATIONS_OF_LEAST_SQUARES
from headstart.shift.moments import moments_of, monge_matrix, transported
from headstart.shift.random_features import RandomFeatures
from headstart.shift.transport import best_rotation

DRAWS = 300
"""Of the bootstrap: the smallest p-value is then 0.003."""
LARGEST_P_VALUE = 0.05
"""Level of the test that the domains have one distribution: the usual one."""
FEWEST_TARGET = 8
"""With fewer target rows the test has little power: two-dimensional Gaussians two standard deviations apart pass for one domain
in 62 % of draws with 2 rows, in 19 % with 6 and in 6 % with 8 (60 and 200 source rows)."""
LARGEST_RATIO = 3.0
"""Class shares or a rotation explain the target only if the discrepancy they leave is at most this multiple of its expectation by
chance. Chosen, not measured."""
CLEARLY_LESS = 2.0
"""Class shares and a map of the features both explain the target unless one leaves less than the other by this factor. Chosen,
not measured."""
CLEARLY_BETTER = 1.5
"""Factor by which a rotation must leave less than the map, which has more freedom. Chosen, not measured."""
NUM_HALVES = 4
"""Random halves on which rotations are compared. Chosen, not measured."""
STABLE_SHARE = 0.8
"""Share of target rows whose nearest rotated source row must keep its class on every half. Chosen, not measured; an equilateral
triangle with equal class shares, which fits in several ways, must be rejected."""
SUM_WEIGHT = 100.0
"""Weight of the equation that shares sum to 1, next to those of random features; they are normalized afterward."""

Kind = Literal["few", "none", "labels", "either", "features", "rotated"]
UNADAPTED_REASONS: dict[str, tuple[str, str]] = {
    "few": ("the target has too few images to tell what changed", "Without labels, the unadapted model is kept."),
    "none": ("source and target pass for one domain", "There is nothing to adapt to."),
}
"""Kinds under which the unadapted model is kept without a comparison: why, as a part of a sentence, and what follows."""


def _renamed_kind(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"kind": "rotated"} if values.get("kind") == "turned" else values


class ShiftKind(Record):
    """What changed, and the evidence.

    Attributes:
        kind: "few" where the target has too few rows to tell; "none" where the rows pass for one domain; "labels" where other
            shares of the source's classes explain the target best; "either" where they may, and a map of the features explains it
            as well; "features" where they cannot; "rotated" where they cannot, nor an affine map that keeps directions, but a
            rotation or mirror image of the source can.
        p_value: That both domains have the same distribution.
        label_ratio: The discrepancy that the best class shares leave, over its expectation by chance.
        feature_ratio: The same of the linear Monge map of the source with its own class shares.
        rotation_ratio: The same of the best rotation; None where it was not searched.
        shares: Of the classes in the target, as they explain it best; meant for "labels" alone.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("turn_ratio", "rotation_ratio"), _renamed_kind)

    kind: Kind
    p_value: float
    label_ratio: float
    feature_ratio: float
    rotation_ratio: float | None
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
                f"leave {self.label_ratio:.1f} times the discrepancy expected by chance{rest}"
            )
        rest = "; a rotation or mirror image of the source does" if self.kind == "rotated" else ""
        return (
            f"The target looks different from the source (p = {self.p_value:.2g}): no shares of the source's classes explain it, "
            f"as they leave {self.label_ratio:.1f} times the discrepancy expected by chance{rest}."
        )

    @property
    def why_unadapted(self) -> str:
        """Why the unadapted model is kept without a comparison, as a part of a sentence; empty where candidates are compared."""
        return UNADAPTED_REASONS[self.kind][0] if self.kind in UNADAPTED_REASONS else ""

    @property
    def conclusion(self) -> str:
        """What follows where the unadapted model is kept without a comparison, as a sentence; empty elsewhere."""
        return UNADAPTED_REASONS[self.kind][1] if self.kind in UNADAPTED_REASONS else ""


class _Discrepancy(NamedTuple):
    """A squared distance of mean features, and those of bootstrap draws without a difference."""

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

    Explanations are tried, the simplest first: nothing changed; class shares did; an affine map moved the features; one rotation
    or mirror image moved all rows. The last is searched where no other explanation suffices, and accepted where rotations found
    on halves of the rows agree about classes. Each explanation leaves a discrepancy of mean random features, which is compared
    with a multiplier bootstrap of none.

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
    same = _between_domains(here, there, seed)
    by_shares, shares = _after_shares(here, labels, there, num_classes, seed)
    before, after = moments_of(source), moments_of(target)
    moved = transported(source, before, after, monge_matrix(before.covariance, after.covariance))
    by_map = _between_domains(features(moved), there, seed)
    kind = _kind(same, by_shares, by_map) if len(target) >= FEWEST_TARGET else "few"
    by_rotation = None
    if kind == "features" and by_map.p_value < LARGEST_P_VALUE:
        by_rotation = _between_domains(features(rotated_source(source, target, seed)), there, seed)
        explained = by_rotation.ratio <= min(LARGEST_RATIO, by_map.ratio / CLEARLY_BETTER)
        kind = "rotated" if explained and _is_stable(source, labels, target, seed) else kind
    return ShiftKind(
        kind=kind,
        p_value=same.p_value,
        label_ratio=by_shares.ratio,
        feature_ratio=by_map.ratio,
        rotation_ratio=by_rotation.ratio if by_rotation else None,
        shares=tuple(shares.tolist()),
    )


def rotated_source(source: Floats, target: Floats, seed: int) -> Floats:
    """Source rows rotated or mirrored about their mean, and moved to the target's mean, so that they fit the target best."""
    return _rotated(source, target, np.arange(len(source)), np.arange(len(target)), seed)


def _rotated(source: Floats, target: Floats, here: Integers, there: Integers, seed: int) -> Floats:
    """All source rows, by the rotation that fits the rows `here` of the source to the rows `there` of the target best."""
    ours, theirs = source[here].mean(axis=0), target[there].mean(axis=0)
    return np.asarray((source - ours) @ best_rotation(source[here] - ours, target[there] - theirs, seed) + theirs)


def _is_stable(source: Floats, labels: Integers, target: Floats, seed: int) -> bool:
    """Whether rotations found on random halves give target rows the same classes: a symmetric shape fits in several ways."""
    from sklearn.metrics import pairwise_distances_argmin  # noqa: PLC0415  slow to import, and for rotations alone

    generator = generator_for(seed, "halves")
    known = labels[pairwise_distances_argmin(target, rotated_source(source, target, seed))]
    for _ in range(NUM_HALVES):
        here, there = (generator.permutation(len(rows))[: len(rows) // 2] for rows in (source, target))
        moved = _rotated(source, target, here, there, seed)
        if (labels[pairwise_distances_argmin(target, moved)] == known).mean() < STABLE_SHARE:
            return False
    return True


def _kind(same: _Discrepancy, by_shares: _Discrepancy, by_map: _Discrepancy) -> Kind:
    if same.p_value >= LARGEST_P_VALUE:
        return "none"
    if by_shares.ratio <= min(by_map.ratio / CLEARLY_LESS, LARGEST_RATIO):
        return "labels"
    close = by_shares.ratio <= min(CLEARLY_LESS * by_map.ratio, LARGEST_RATIO)
    return "either" if close or by_shares.p_value >= LARGEST_P_VALUE else "features"


def _between_domains(here: Floats, there: Floats, seed: int) -> _Discrepancy:
    gap = there.mean(axis=0) - here.mean(axis=0)
    generator = generator_for(seed, "one domain")
    draws = _multiplied(generator, there, 1.0 / len(there)) - _multiplied(generator, here, 1.0 / len(here))
    return _Discrepancy(float(gap @ gap), (draws**2).sum(axis=1))


def _after_shares(here: Floats, labels: Integers, there: Floats, num_classes: int, seed: int) -> tuple[_Discrepancy, Floats]:
    """The discrepancy that the best class shares leave, and these shares."""
    present = np.unique(labels)
    means = np.stack([here[labels == label].mean(axis=0) for label in present])
    found = nearest_shares(means, there.mean(axis=0))
    gap = there.mean(axis=0) - found @ means
    span = means[found > 0]
    basis = np.linalg.qr((span[1:] - span[0]).T)[0] if len(span) > 1 else np.zeros((means.shape[1], 0))
    generator = generator_for(seed, "by shares")
    draws = _multiplied(generator, there, 1.0 / len(there))
    for label, share in zip(present, found, strict=True):
        rows = here[labels == label]
        draws -= _multiplied(generator, rows, share / len(rows))
    shares = np.zeros(num_classes)
    shares[present] = found
    return _Discrepancy(float(gap @ gap), ((draws - (draws @ basis) @ basis.T) ** 2).sum(axis=1)), shares


def nearest_shares(means: Floats, target: Floats) -> Floats:
    """The class shares, float64 [class], whose mixture of class means [class, feature] is nearest to the target's mean [feature].

    They are at least 0 and sum to 1.
    """
    system = np.vstack([means.T, np.full(len(means), SUM_WEIGHT)])
    shares = nnls(system, np.append(target, SUM_WEIGHT), maxiter=MOST_ITERATIONS_OF_LEAST_SQUARES)[0]
    return np.asarray(shares / shares.sum())


def _multiplied(generator: np.random.Generator, rows: Floats, weight: float) -> Floats:
    """Sums of centered rows, each with a random multiplier and the weight, float64 [draw, feature]."""
    centered = rows - rows.mean(axis=0)
    return np.asarray(generator.standard_normal((DRAWS, len(rows))) @ centered * weight)
