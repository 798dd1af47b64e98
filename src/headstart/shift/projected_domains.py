"""Projected domains: rows of a labeled source and of a target in common coordinates."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Blocks, Representation
from headstart.heads.kernel_map import KernelMap, median_square
from headstart.heads.kernel_ridge import KernelRidge, fit_kernel_ridge
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.shift.projection import Projection

NUM_AXES = 256
"""Chosen, not measured for two domains; see `heads.unlabeled_pool` for one."""
FEWEST_AXES = 16
"""Narrower feature vectors are not scaled to unit length, which costs one of their few dimensions. Chosen, not measured."""
WIDE = 3.0
"""Squared width of the kernel map along principal axes, as a multiple of the median squared distance: scores are nearly linear
among source rows and bounded where there are none. With each domain centered on itself, its accuracy against that of a linear
head was 67.6 against 66.2 from Noto to Twemoji, 66.6 against 48.5 from MNIST to digits and 58.9 against 28.6 back, while
leave-one-out on the source shows little of it (EfficientNet-Lite0, one seed)."""
FEWEST_ROWS = 16
"""With fewer target rows their own mean is not used. Chosen, not measured."""


@dataclass(frozen=True)
class ProjectedDomains:
    """The input of an adaptation on features.

    Attributes:
        projection: Features to rows.
        source: float64 [source, axis].
        source_labels: int64 [source].
        source_groups: int64 [source]; rows of one group are left out together.
        target: float64 [target, axis]: labeled rows, then unlabeled ones.
        target_labels: int64 [target]; `UNLABELED` where there is none.
        target_groups: int64 [target].
        num_classes: C.
        seed: Of everything drawn.
        width: Of the heads' kernel map, chosen by leave-one-out on the source; see `fit_kernel_ridge`.
    """

    projection: Projection
    source: Floats = field(repr=False)
    source_labels: Integers = field(repr=False)
    source_groups: Integers = field(repr=False)
    target: Floats = field(repr=False)
    target_labels: Integers = field(repr=False)
    target_groups: Integers = field(repr=False)
    num_classes: int
    seed: int
    width: float = 0.0

    @cached_property
    def known(self) -> Integers:
        """The labeled target rows, int64, ascending."""
        return np.flatnonzero(self.target_labels != UNLABELED)

    @property
    def labels(self) -> Integers:
        """The labels of source rows, then of labeled target rows."""
        return np.concatenate([self.source_labels, self.target_labels[self.known]])

    def moved(self, source: Floats) -> ProjectedDomains:
        """The same domains with other source rows, float64 [source, axis]."""
        return replace(self, source=source)

    def mapped(self, matrix: Floats, shift: Floats, source: Floats) -> ProjectedDomains:
        """The same domains in other coordinates: target rows times a matrix plus a shift, and source rows as given."""
        projection = self.projection.mapped(matrix, shift)
        return replace(self, projection=projection, source=source, target=self.target @ matrix + shift)

    def ridge(self) -> KernelRidge:
        """Ridge on source rows and labeled target rows: the source model, which several methods begin from. Fitted once."""
        return self._ridge

    @cached_property
    def _ridge(self) -> KernelRidge:
        rows = np.concatenate([self.source, self.target[self.known]])
        groups = np.concatenate([self.source_groups, self.target_groups[self.known]])
        return fit_kernel_ridge(rows, self.labels, self.num_classes, None, groups, self.seed, self.width)

    def target_ridge(self, probs: Floats, rows: Integers | None = None) -> KernelRidge:
        """Ridge on target rows with pseudo-labels; rows whose label is known keep it.

        `probs` [target, class] give each row's likeliest class and its weight. They are of the target rows `rows`, or of all.
        The temperature is too small, because the labels follow from the rows.
        """
        every = np.arange(len(self.target)) if rows is None else rows
        known = self.target_labels[every]
        labels = np.where(known != UNLABELED, known, probs.argmax(axis=1))
        weights = np.where(known != UNLABELED, 1.0, np.maximum(probs.max(axis=1), 1e-3))
        if not self.width:
            return fit_kernel_ridge(self.target[every], labels, self.num_classes, weights, None, self.seed, self.width)
        kernel_map, mapped = self._mapped_target(every)
        return KernelRidge(kernel_map, fit_ridge(mapped, labels, self.num_classes, weights), self.width)

    def target_scores(self, found: KernelRidge, rows: Integers | None = None) -> Floats:
        """A fit's scores of the target rows `rows`, or of all, float64 [target, class]."""
        every = np.arange(len(self.target)) if rows is None else rows
        kernel_map, mapped = self._mapped.get(every.tobytes(), (None, self.target))
        if kernel_map is None or found.kernel_map is not kernel_map:
            return found.scores(self.target[every])
        return np.asarray(mapped @ found.fit.weight + found.fit.bias)

    def _mapped_target(self, rows: Integers) -> tuple[KernelMap, Floats]:
        """The kernel map of those target rows, and the mapped rows; each choice of rows is mapped once."""
        key = rows.tobytes()
        if key not in self._mapped:
            chosen = self.target[rows]
            kernel_map = KernelMap.of(chosen, 1.0 / (self.width * median_square(chosen, self.seed)), self.seed)
            self._mapped[key] = kernel_map, kernel_map.rows(chosen)
        return self._mapped[key]

    @cached_property
    def _mapped(self) -> dict[bytes, tuple[KernelMap, Floats]]:
        return {}


class _Sides(NamedTuple):
    """One projection of both domains, which does not depend on labels, and their rows, float64 [source or target, axis]."""

    projection: Projection
    source: Floats
    target: Floats


@dataclass(frozen=True)
class SharedProjections:
    """Features and projected domains, each computed once, for methods that are fitted to the same images one after another.

    Projections do not depend on labels, so that fits with other labels share them as well. Everything is kept as long as this
    object is.
    """

    _features: dict[tuple[str, tuple[str, ...]], FeatureSet] = field(default_factory=dict, repr=False)
    _sides: dict[Hashable, list[_Sides]] = field(default_factory=dict, repr=False)
    _domains: dict[Hashable, ProjectedDomains] = field(default_factory=dict, repr=False)

    def features(self, images: ImageSet, backbone: Backbone) -> FeatureSet:
        """As `features_of`."""
        key = (backbone.identity, images.content_keys)
        if key not in self._features:
            self._features[key] = features_of(images, backbone)
        return self._features[key]

    def domains(
        self, task: Task, backbone: Backbone, blocks: Blocks, num_axes: int, seed: int, *, own_means: bool = False
    ) -> ProjectedDomains:
        """As `projected_domains`."""
        source, target = _images(task)
        pictures = (backbone.identity, source.content_keys, target.content_keys, blocks, num_axes, seed, own_means)
        known = (source.labels, source.groups, target.labels, target.groups)
        key = (pictures, task.num_classes, *(one.tobytes() for one in known))
        if key not in self._domains:
            if pictures not in self._sides:
                self._sides[pictures] = self._projected(task, backbone, blocks, num_axes, seed, own_means)
            self._domains[key] = _best_of(self._sides[pictures], task, seed)
        return self._domains[key]

    def _projected(
        self, task: Task, backbone: Backbone, blocks: Blocks, num_axes: int, seed: int, own_means: bool
    ) -> list[_Sides]:
        """The rows by every projection that comes into question."""
        source, target = _images(task)
        ours = self.features(source, backbone)
        theirs = self.features(target, backbone) if len(target) else None
        width, pairs = ours.penultimate.shape[1], []
        if source.images.embedded and width <= num_axes:
            projection = Projection.standardized(ours)
            pairs.append((projection, projection))
        if not pairs or width >= FEWEST_AXES:
            pairs.append(_along_axes(ours, theirs, blocks, num_axes, seed, own_means))
        found = [
            _Sides(other, one.rows(ours), np.empty((0, one.axes.shape[1])) if theirs is None else other.rows(theirs))
            for one, other in pairs
        ]
        for name, rows in (("the source", found[0].source), (task.name, found[0].target)):
            if not np.isfinite(rows).all():
                raise DataError(f"Features of {name} are not finite numbers. Leave those rows out, or take another network.")
        return found


def projected_domains(
    task: Task, backbone: Backbone, blocks: Blocks, num_axes: int, seed: int, *, own_means: bool = False
) -> ProjectedDomains:
    """The task's source rows and target rows in common coordinates.

    Features of pictures are projected to principal axes of both domains together, each block at unit length around the source's
    mean, or around each domain's own. Feature vectors are projected so or, where they are narrow, standardized on the source;
    leave-one-out on the source decides, and for standardized ones also whether heads have a kernel map.

    Args:
        task: With a source.
        backbone: Frozen.
        blocks: Of its features.
        num_axes: Directions that are kept.
        seed: Of everything drawn.
        own_means: Whether each domain is centered on itself before rows are scaled to unit length, which removes a shift of all
            its images.

    Returns:
        The domains.

    Raises:
        DataError: There is no source, or a feature is not a finite number.
    """
    return SharedProjections().domains(task, backbone, blocks, num_axes, seed, own_means=own_means)


def _best_of(sides: list[_Sides], task: Task, seed: int) -> ProjectedDomains:
    """The domains by the projection after which a model of the source predicts left-out source rows best."""
    source, target = _images(task)
    found = [
        ProjectedDomains(
            projection=one.projection,
            source=one.source,
            source_labels=source.labels,
            source_groups=source.groups,
            target=one.target,
            target_labels=target.labels,
            target_groups=target.groups + source.groups.max() + 1,
            num_classes=task.num_classes,
            seed=seed,
        )
        for one in sides
    ]
    if len(found) == 1 and found[0].projection.representation is not None:
        return replace(found[0], width=WIDE)
    fits = [_source_ridge(one) for one in found]
    best = min(range(len(fits)), key=lambda place: min(fits[place].fit.losses))
    return replace(found[best], width=fits[best].width)


def _source_ridge(domains: ProjectedDomains) -> KernelRidge:
    """Ridge on the source, with the kernel map that suits the projection."""
    width = None if domains.projection.representation is None else WIDE
    groups = domains.source_groups
    return fit_kernel_ridge(domains.source, domains.source_labels, domains.num_classes, None, groups, domains.seed, width)


def _along_axes(
    ours: FeatureSet, theirs: FeatureSet | None, blocks: Blocks, num_axes: int, seed: int, own_means: bool
) -> tuple[Projection, Projection]:
    """The projections of source and target."""
    first = Representation.fitted(ours, blocks)
    if theirs is None:
        (projection,) = Projection.along_axes([(first, ours)], num_axes, seed)
        return projection, projection
    second = Representation.fitted(theirs, blocks) if own_means and len(theirs) >= FEWEST_ROWS else first
    one, two = Projection.along_axes([(first, ours), (second, theirs)], num_axes, seed)
    return one, two


def _images(task: Task) -> tuple[ImageSet, ImageSet]:
    """The source's images and the target's: labeled ones, then unlabeled ones with their labels hidden."""
    train, free = task.train, task.unlabeled
    if not task.source:
        raise DataError(f"{task.name} has no source to adapt from. Name one with --source, or choose ridge.")
    if not free:
        return task.source, train
    hidden = free.without_labels()
    return task.source, concatenate(train, hidden) if len(train) else hidden
