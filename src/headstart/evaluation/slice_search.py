"""Slice search: the slices of images that are worse than others beyond chance, however many are looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csc_array
from scipy.special import xlogy

from headstart.core.seeds import generator_for
from headstart.core.types import Booleans, Floats, Integers

DRAWS = 999
"""Permutations of the test; a p-value is then a multiple of a thousandth."""
LEVEL = 0.05
"""Probability that a slice is found where none is worse than others: the usual level."""
FEWEST_IN_SLICE = 10
"""Images of a slice, and images that it is compared with, at least; a group of an evaluation has as many."""
MOST_FOUND = 5
"""Slices that are named, of classes and of parts of classes; each is searched for without the images of those found before."""


@dataclass(frozen=True)
class Candidate:
    """A slice that may be worse.

    Attributes:
        name: What its images have in common.
        attribute: The attribute that tells them apart.
        rows: bool [sample].
        label: The class whose images it is part of and is compared with; None for images of all classes.
        within_classes: Whether it is compared with other images of its classes.
        whole_groups: Whether images of one group count as one draw.
    """

    name: str
    attribute: str
    rows: Booleans = field(repr=False)
    label: int | None = None
    within_classes: bool = True
    whole_groups: bool = True


@dataclass(frozen=True)
class Found:
    """A slice that is worse than others.

    Attributes:
        slice: The slice, without images of those found before.
        p_value: Probability that the worst of all is as bad by chance.
        elsewhere: The accuracy that other images have in its mix of classes.
    """

    slice: Candidate
    p_value: float
    elsewhere: float


def worse_slices(
    candidates: Sequence[Candidate], correct: Floats, labels: Integers, groups: Integers, seed: int = 0
) -> list[Found]:
    """The slices that are worse than others beyond chance after correction for the number looked at, the most certain first.

    Each slice has a likelihood-ratio statistic of its errors against those that its mix of classes has elsewhere. The statistic
    of the worst slice is compared with those of permuted errors, so that overlapping slices cost little. Errors move between
    images of one class, so that a slice is not found because it holds a hard class; for classes themselves they move between all
    images. Groups move whole, to places of about their size: those mostly of one class to places of that class. What images
    of a group have in common is so kept across its classes. A slice that is found is taken out, and the others are tested again:
    what is true of one slice alone is told once.

    Args:
        candidates: The slices; those with few images, or few to compare with, are left out.
        correct: float [sample], 1 where the prediction is right.
        labels: int64 [sample].
        groups: int64 [sample]; rows of one group are not independent.
        seed: Seed of the permutations.

    Returns:
        At most `MOST_FOUND` slices that are classes, and as many others.

    Reference: Kulldorff, "A spatial scan statistic", Communications in Statistics 1997, sections 3 and 4 (likelihood ratio of a
        zone for Bernoulli data, its maximum by Monte Carlo); Westfall & Young, "Resampling-Based Multiple Testing", 1993,
        section 2.6 (permuted maxima); Freedman & Lane, "A nonstochastic interpretation of reported significance levels", Journal
        of Business & Economic Statistics 1983 (permuted residuals); Winkler et al., "Permutation inference for the general linear
        model", NeuroImage 2014 (blocks that are exchanged as wholes).
    Differs: expected errors are those of the classes of a slice; errors are permuted instead of drawn; groups move whole;
        residuals are scaled by the standard deviation of their class.
    """
    found: list[Found] = []
    left = {True: np.ones(len(labels), bool), False: np.ones(len(labels), bool)}
    while True:
        counts = Counter(one.slice.within_classes for one in found)
        open_kinds = [one for one in candidates if counts[one.within_classes] < MOST_FOUND]
        tested = [one for one in open_kinds if _is_testable(one, left[one.within_classes], labels)]
        if not tested:
            break
        one = _worst(tested, 1 - correct, labels, groups, left, (seed, len(found)))
        if one.p_value > LEVEL:
            break
        found.append(one)
        left[False] &= ~one.slice.rows
        if one.slice.within_classes:  # a hard class says nothing of which of its images are worse
            left[True] &= ~one.slice.rows
    return found


def testable(candidates: Sequence[Candidate], labels: Integers) -> list[Candidate]:
    """Those that have enough images, and enough others to compare with."""
    everything = np.ones(len(labels), bool)
    return [one for one in candidates if _is_testable(one, everything, labels)]


def _is_testable(candidate: Candidate, left: Booleans, labels: Integers) -> bool:
    """Whether enough images can be compared: those of classes that are in the slice as a whole cannot."""
    among = left if candidate.label is None else left & (labels == candidate.label)
    strata = labels if candidate.within_classes else np.zeros_like(labels)
    inside = np.bincount(strata[candidate.rows & among], minlength=int(strata.max()) + 1)
    outside = np.bincount(strata[~candidate.rows & among], minlength=len(inside))
    compared = (inside > 0) & (outside > 0)
    return min(int(inside[compared].sum()), int(outside[compared].sum())) >= FEWEST_IN_SLICE


def _worst(
    tested: list[Candidate],
    errors: Floats,
    labels: Integers,
    groups: Integers,
    left: dict[bool, Booleans],
    seeds: tuple[int, int],
) -> Found:
    """The slice with the largest statistic, among the images that are left for its kind."""
    most, tops = np.zeros(DRAWS), list[tuple[float, Found]]()
    for within, whole in sorted({(one.within_classes, one.whole_groups) for one in tested}):
        ones = [one for one in tested if (one.within_classes, one.whole_groups) == (within, whole)]
        rows = np.flatnonzero(left[within])
        own = labels[rows]
        strata, units = own if within else np.zeros_like(own), groups[rows] if whole else np.arange(len(rows))
        generator = generator_for(seeds[0], "slices", seeds[1], f"{within} {whole}")
        statistic = _Statistic.of(ones, rows, strata, own)
        most = np.maximum(most, statistic.values(_permuted(errors[rows], strata, units, generator)).max(axis=1))
        values = statistic.values(errors[rows][None])[0]
        top = int(values.argmax())
        inside = replace(ones[top], rows=ones[top].rows & left[within])
        tops.append((float(values[top]), Found(inside, 1.0, 1 - statistic.expected_share(errors[rows], top))))
    value, best = max(tops, key=lambda one: one[0])
    return replace(best, p_value=float((1 + (most >= value - 1e-9).sum()) / (DRAWS + 1)))


@dataclass(frozen=True)
class _Statistic:
    """The signed root of the likelihood ratio of many slices at once.

    Attributes:
        inside: Whether a row is in a slice, sparse [sample, slice].
        by_stratum: Rows of each slice in each stratum, [stratum, slice].
        strata: The stratum of each row, [sample].
        sizes: Rows of each stratum.
        own: The stratum that a slice is compared in alone; -1 for all.
    """

    inside: csc_array
    by_stratum: Floats
    strata: Integers
    sizes: Floats
    own: Integers

    @classmethod
    def of(cls, slices: list[Candidate], rows: Integers, strata: Integers, labels: Integers) -> _Statistic:
        """That of slices, of which only these rows count."""
        names, place = np.unique(strata, return_inverse=True)
        masks = [one.rows[rows] if one.label is None else one.rows[rows] & (labels == one.label) for one in slices]
        columns = [np.flatnonzero(mask) for mask in masks]
        starts = np.concatenate([[0], np.cumsum([len(one) for one in columns])])
        indices = np.concatenate(columns)
        inside = csc_array((np.ones(len(indices)), indices, starts), shape=(len(rows), len(slices)))
        member = csc_array((np.ones(len(place)), (place, np.arange(len(place)))), shape=(len(names), len(place)))
        own = np.array([-1 if one.label is None else int(np.searchsorted(names, one.label)) for one in slices])
        return cls(inside, (member @ inside).toarray(), place, np.bincount(place).astype(float), own)

    def values(self, errors: Floats) -> Floats:
        """The statistic, float64 [draw, slice], of errors [draw, sample]; 0 where a slice is not worse than expected."""
        observed = (self.inside.T @ errors.T).T
        totals = np.stack([errors[:, self.strata == one].sum(axis=1) for one in range(len(self.sizes))], axis=1)
        expected = (totals / self.sizes) @ self.by_stratum
        counted, all_errors, number = self._compared(totals)
        observed = np.minimum(observed, np.minimum(counted, all_errors))  # residuals can exceed what a slice can hold
        rest = number - counted
        ratio = (
            _term(observed, expected)
            + _term(counted - observed, counted - expected)
            + _term(all_errors - observed, all_errors - expected)
            + _term(rest - all_errors + observed, rest - all_errors + expected)
        )
        return np.where(observed > expected, np.sqrt(2 * np.maximum(ratio, 0)), 0.0)

    def _compared(self, totals: Floats) -> tuple[Floats, Floats, Floats]:
        """Rows of each slice, errors and rows among which it is compared."""
        counted, alone = self.by_stratum.sum(axis=0), self.own >= 0
        all_errors = np.where(alone, totals[:, self.own], totals.sum(axis=1)[:, None])
        return counted, all_errors, np.where(alone, self.sizes[self.own], self.sizes.sum())

    def expected_share(self, errors: Floats, slice_: int) -> float:
        """The share of errors that other rows of its strata have, in the mix of a slice; strata without others are left out."""
        totals = np.bincount(self.strata, errors, len(self.sizes))
        mine = np.zeros(len(errors), bool)
        mine[self.inside.indices[self.inside.indptr[slice_] : self.inside.indptr[slice_ + 1]]] = True
        own = np.bincount(self.strata[mine], errors[mine], len(self.sizes))
        count = self.by_stratum[:, slice_]
        others = self.sizes - count
        used = (count > 0) & (others > 0)
        return float(((totals - own)[used] / others[used] * count[used]).sum() / count[used].sum())


def _term(observed: Floats, expected: Floats) -> Floats:
    return np.asarray(xlogy(observed, np.maximum(observed, 1e-12) / np.maximum(expected, 1e-12)))


def _permuted(errors: Floats, strata: Integers, groups: Integers, generator: np.random.Generator) -> Floats:
    """Errors of the null hypothesis, float64 [draw, sample]; those of one group move together, over all its strata.

    Errors move as residuals, that is less the rate of their stratum and over its standard deviation, and get both of the stratum
    at their new place, so that each stratum keeps its number of errors. Where every group has one stratum, as it has where every
    group is one row, they are permuted as they are.
    """
    place, unit = np.unique(strata, return_inverse=True)[1].ravel(), np.unique(groups, return_inverse=True)[1].ravel()
    blocks = _Blocks.of(place, unit)
    if ((blocks.counts > 0).sum(axis=1) == 1).all():
        return np.stack([errors[blocks.sources(generator)] for _ in range(DRAWS)])
    error_shares = (np.bincount(place, errors) / np.bincount(place))[place]
    deviations = np.sqrt(error_shares * (1 - error_shares))
    residuals = np.divide(errors - error_shares, deviations, out=np.zeros(len(errors)), where=deviations > 0)
    moved = np.stack([residuals[blocks.sources(generator)] for _ in range(DRAWS)]) * deviations
    for one in range(int(place.max()) + 1):
        moved[:, place == one] -= moved[:, place == one].mean(axis=1, keepdims=True)
    return np.asarray(moved + error_shares)


@dataclass(frozen=True)
class _Blocks:
    """Groups that change places as wholes, with those of about their size and of the stratum that has most of their rows.

    Attributes:
        order: Rows by group, and within one by stratum.
        group: The group of each row, in that order.
        stratum: Its stratum.
        counts: Rows of each group and stratum, [group, stratum].
        starts: Where each group and stratum starts in that order.
        alike: Which groups change places, a number for each; those where no stratum has most do among themselves.
    """

    order: Integers
    group: Integers
    stratum: Integers
    counts: Integers
    starts: Integers
    alike: Integers

    @classmethod
    def of(cls, strata: Integers, groups: Integers) -> _Blocks:
        """Those of rows, whose strata and groups are counted from 0."""
        shape = (int(groups.max()) + 1, int(strata.max()) + 1)
        pairs = groups * shape[1] + strata
        counts = np.bincount(pairs, minlength=shape[0] * shape[1])
        order, starts = np.argsort(pairs, kind="stable"), (np.cumsum(counts) - counts).reshape(shape)
        counts = counts.reshape(shape)
        sizes = counts.sum(axis=1)
        pool = np.where(2 * counts.max(axis=1) > sizes, counts.argmax(axis=1), -1)
        alike = np.unique(np.stack([pool, np.log2(sizes).astype(np.int64)]), axis=1, return_inverse=True)[1].ravel()
        return cls(order, groups[order], strata[order], counts, starts, alike)

    def sources(self, generator: np.random.Generator) -> Integers:
        """The row whose error each row gets in one draw, int64 [sample].

        It is of the same stratum where the group that comes to its place has one, otherwise any of that group. Rows of a stratum
        fill more places again from their beginning, and begin at a random one.
        """
        donor = np.empty(len(self.alike), np.int64)
        donor[np.argsort(self.alike, kind="stable")] = np.lexsort((generator.random(len(donor)), self.alike))
        giver, offset = donor[self.group], generator.integers(0, self.counts.sum(axis=1))[donor][self.group]
        has = self.counts[giver, self.stratum]
        mine = self.starts[self.group, np.where(has > 0, self.stratum, 0)]
        number, start = (
            np.where(has > 0, has, self.counts[giver].sum(axis=1)),
            self.starts[giver, np.where(has > 0, self.stratum, 0)],
        )
        rows = np.empty(len(self.order), np.int64)
        rows[self.order] = self.order[start + (np.arange(len(rows)) - mine + offset) % number]
        return rows
