"""Domains: rows of a labeled source and of a target, in one chart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

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
from headstart.heads.kernel_map import KernelMap
from headstart.heads.kernel_ridge import KernelRidge, fit_kernel_ridge
from headstart.shift.projection import Projection

NUM_AXES = 256
FEWEST_AXES = 16
"""Narrower feature vectors are never seen at unit length, which costs one of their few numbers."""
WIDE = 3.0
"""Of the lift along principal axes: nearly straight among source rows, and bounded where there are none. With each domain
centered on itself, against straight boundaries: 67.6 to 66.2 from Noto to Twemoji, 66.6 to 48.5 from MNIST to digits, 58.9 to
28.6 back, while leave-one-out on the source sees little of it (EfficientNet-Lite0, one seed)."""
FEWEST_ROWS = 16
"""Target rows from which their own mean is believed."""


@dataclass(frozen=True)
class ProjectedDomains:
    """What an adaptation on features works on.

    Attributes:
        chart: Features to rows.
        source: float64 [source, axis].
        source_labels: int64 [source].
        source_groups: int64 [source]; rows of one group are left out together.
        target: float64 [target, axis]: labeled rows, then unlabeled ones.
        target_labels: int64 [target]; `UNLABELED` where there is none.
        target_groups: int64 [target].
        num_classes: C.
        seed: Of everything drawn.
        width: Of the lift by which heads bend their boundaries, as leave-one-out on the source says; see `fit_kernel_ridge`.
        lifts: What comes between the chart and the rows.
    """

    chart: Projection
    source: Floats = field(repr=False)
    source_labels: Integers = field(repr=False)
    source_groups: Integers = field(repr=False)
    target: Floats = field(repr=False)
    target_labels: Integers = field(repr=False)
    target_groups: Integers = field(repr=False)
    num_classes: int
    seed: int
    width: float = 0.0
    lifts: tuple[KernelMap, ...] = ()

    @cached_property
    def known(self) -> Integers:
        """The labeled target rows, int64, ascending."""
        return np.flatnonzero(self.target_labels != UNLABELED)

    @property
    def labels(self) -> Integers:
        """The labels of source rows, then of labeled target rows."""
        return np.concatenate([self.source_labels, self.target_labels[self.known]])

    def moved(self, source: Floats) -> ProjectedDomains:
        """The same with other source rows, float64 [source, axis]."""
        return replace(self, source=source)

    def mapped(self, matrix: Floats, shift: Floats, source: Floats) -> ProjectedDomains:
        """The same in another chart: target rows times a matrix plus a shift, and source rows as given."""
        return replace(self, chart=self.chart.mapped(matrix, shift), source=source, target=self.target @ matrix + shift)

    def lifted_by(self, lift: KernelMap) -> ProjectedDomains:
        """The same seen through a lift."""
        return replace(self, lifts=(*self.lifts, lift), source=lift.rows(self.source), target=lift.rows(self.target))

    def ridge(self, weights: Floats | None = None) -> KernelRidge:
        """Ridge on source rows and labeled target rows.

        Args:
            weights: float [source], of the source rows; labeled target rows weigh 1. None weighs all alike.

        Returns:
            The fit.
        """
        rows = np.concatenate([self.source, self.target[self.known]])
        every = None if weights is None else np.concatenate([weights, np.ones(len(self.known))])
        groups = np.concatenate([self.source_groups, self.target_groups[self.known]])
        return fit_kernel_ridge(rows, self.labels, self.num_classes, every, groups, self.seed, self.width)

    def target_ridge(self, probs: Floats, rows: Integers | None = None) -> KernelRidge:
        """Ridge on target rows with guessed labels; those whose label is known keep it.

        Args:
            probs: float [target, class]: of which class each row is taken to be; the likeliest counts, as much as it is likely.
            rows: int64 [row]: the target rows that `probs` is about; None for all.

        Returns:
            The fit. Its temperature is too small, as labels follow from rows.
        """
        every = np.arange(len(self.target)) if rows is None else rows
        known = self.target_labels[every]
        labels = np.where(known != UNLABELED, known, probs.argmax(axis=1))
        weights = np.where(known != UNLABELED, 1.0, np.maximum(probs.max(axis=1), 1e-3))
        return fit_kernel_ridge(self.target[every], labels, self.num_classes, weights, None, self.seed, self.width)


def projected_domains(
    task: Task, backbone: Backbone, blocks: Blocks, num_axes: int, seed: int, *, own_means: bool = False
) -> ProjectedDomains:
    """The task's source rows and target rows in one chart.

    Pictures are seen along principal axes of both domains together, each block at unit length around the source's mean, or around
    each domain's own. Feature vectors are seen either so or, where they are narrow, as they are, each feature standardized on the
    source; leave-one-out on the source decides, and for those also whether boundaries bend.

    Args:
        task: With a source.
        backbone: What looks at the images.
        blocks: What is taken of its features.
        num_axes: Directions that are kept.
        seed: Of everything drawn.
        own_means: Whether each domain is centered on itself before rows are scaled to unit length, which undoes what moves all
            of its images alike.

    Returns:
        The domains.

    Raises:
        DataError: There is no source, or a feature is not a finite number.
    """
    source, target = _sides(task)
    ours = features_of(source, backbone)
    theirs = features_of(target, backbone) if len(target) else None
    width, charts = ours.penultimate.shape[1], []
    if source.images.embedded and width <= num_axes:
        chart = Projection.standardized(ours)
        charts.append((chart, chart))
    if not charts or width >= FEWEST_AXES:
        charts.append(_along_axes(ours, theirs, blocks, num_axes, seed, own_means))
    found = [_in_charts(pair, ours, theirs, source, target, task.num_classes, seed) for pair in charts]
    for name, rows in (("the source", found[0].source), (task.name, found[0].target)):
        if not np.isfinite(rows).all():
            raise DataError(f"Features of {name} are not finite numbers. Leave those rows out, or take another network.")
    fits = [_judged(one) for one in found]
    best = min(range(len(fits)), key=lambda place: min(fits[place].fit.losses))
    return replace(found[best], width=fits[best].width)


def _judged(domains: ProjectedDomains) -> KernelRidge:
    """Ridge on the source, with the lift that suits the chart."""
    width = None if domains.chart.representation is None else WIDE
    groups = domains.source_groups
    return fit_kernel_ridge(domains.source, domains.source_labels, domains.num_classes, None, groups, domains.seed, width)


def _along_axes(
    ours: FeatureSet, theirs: FeatureSet | None, blocks: Blocks, num_axes: int, seed: int, own_means: bool
) -> tuple[Projection, Projection]:
    """The charts of source and target."""
    seen = Representation.fitted(ours, blocks)
    if theirs is None:
        (chart,) = Projection.along_axes([(seen, ours)], num_axes, seed)
        return chart, chart
    other = Representation.fitted(theirs, blocks) if own_means and len(theirs) >= FEWEST_ROWS else seen
    one, two = Projection.along_axes([(seen, ours), (other, theirs)], num_axes, seed)
    return one, two


def _in_charts(
    charts: tuple[Projection, Projection],
    ours: FeatureSet,
    theirs: FeatureSet | None,
    source: ImageSet,
    target: ImageSet,
    num_classes: int,
    seed: int,
) -> ProjectedDomains:
    one, other = charts
    return ProjectedDomains(
        chart=other,
        source=one.rows(ours),
        source_labels=source.labels,
        source_groups=source.groups,
        target=np.empty((0, one.axes.shape[1])) if theirs is None else other.rows(theirs),
        target_labels=target.labels,
        target_groups=target.groups + source.groups.max() + 1,
        num_classes=num_classes,
        seed=seed,
    )


def _sides(task: Task) -> tuple[ImageSet, ImageSet]:
    """The source's images and the target's: labeled ones, then unlabeled ones with their labels hidden."""
    train, free = task.train, task.unlabeled
    if not task.source:
        raise DataError(f"{task.name} has no source to adapt from. Name one with --source, or choose ridge.")
    if not free:
        return task.source, train
    hidden = free.without_labels()
    return task.source, concatenate(train, hidden) if len(train) else hidden
