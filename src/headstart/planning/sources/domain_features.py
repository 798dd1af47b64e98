"""Domain features: rows of a target and of each of its sources, in one feature space."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.joined import concatenate
from headstart.data.task import Task
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.heads.kernel_ridge import fit_kernel_ridge
from headstart.heads.principal_components import principal_components
from headstart.shift.joint_ridge import Labeled

MOST_ROWS = 1_000
"""The largest number of rows of a domain; the standard error of an accuracy on so many is at most 1.6 points."""
MOST_SOURCE_ROWS = 2_000
"""The largest number of rows of all sources together, so that a fit to them takes seconds."""
MOST_MAPPED = 256
"""The largest width of feature vectors for which a kernel map is fitted. Chosen, not measured."""
DISTANCE_AXES = 32
"""Principal axes along which classes are taken as Gaussians for the optimal-transport distance. Chosen, not measured."""


@dataclass(frozen=True)
class DomainFeatures:
    """Domains in one feature space.

    Attributes:
        target: The labeled target rows that probes are fitted to; maybe none.
        sources: The rows of each source that probes are fitted to, by name.
        target_rows: float64 [sample, feature]: target rows without a kernel map, labeled ones first, then unlabeled ones.
        source_rows: float64 [sample, feature]: rows of each source without a kernel map, by name.
        axes: float32 [feature, axis]: principal axes of all rows together.
        num_classes: Of the task.
        seed: Of everything drawn.
    """

    target: Labeled
    sources: dict[str, Labeled]
    target_rows: Floats = field(repr=False)
    source_rows: dict[str, Floats] = field(repr=False)
    axes: Floats = field(repr=False)
    num_classes: int
    seed: int


def domain_features(
    task: Task, backbone: Backbone, most_rows: int = MOST_ROWS, most_source_rows: int = MOST_SOURCE_ROWS
) -> DomainFeatures:
    """At most 1,000 rows of the target and of each source, and 2,000 of all sources unless told otherwise, in one feature space.

    Pictures are taken at all stages of the backbone, feature vectors as they are, each feature at unit standard deviation. Probes
    are fitted to a kernel map of vectors of up to 256 features, if leave-one-out prefers curved boundaries between the sources'
    classes. `DataError` if there is no source, or if the target has fewer than two images.
    """
    if not task.source:
        raise DataError(f"{task.name} has no source to measure. Name one with --source.")
    labeled, source = task.labeled, task.source
    most = min(most_rows, most_source_rows // max(1, len(source.domain_names)))
    target = labeled.take(_balanced_rows(labeled.labels, most_rows, task.seed))
    target_sets = [target] if len(target) else []
    if task.unlabeled:
        target_sets.append(task.unlabeled.take(_balanced_rows(np.zeros(len(task.unlabeled), np.int64), most_rows, task.seed)))
    num_target = sum(map(len, target_sets))
    if num_target < 2:
        raise DataError(
            f"{task.name}: a source is compared with two target images at least, and there are {num_target}. Add some."
        )
    domains = [source.of_domain(name) for name in source.domain_names] if source.domains else [source]
    chosen = [one.take(_balanced_rows(one.labels, most, task.seed)) for one in domains]
    rows = _rows(features_of(reduce(concatenate, [*target_sets, *chosen]), backbone), source.images.embedded)
    edges = np.cumsum([num_target, *map(len, chosen)])
    names = source.domain_names or ("source",)
    spans = dict(zip(names, map(slice, edges[:-1], edges[1:]), strict=True))
    probed = _kernel_mapped(rows, num_target, chosen, task) if source.images.embedded else rows
    centered = np.asarray(rows - rows.mean(axis=0), np.float32)
    return DomainFeatures(
        target=Labeled(probed[: len(target)], target.labels, target.groups),
        sources={name: Labeled(probed[spans[name]], one.labels, one.groups) for name, one in zip(names, chosen, strict=True)},
        target_rows=rows[:num_target],
        source_rows={name: rows[span] for name, span in spans.items()},
        axes=principal_components(centered, DISTANCE_AXES, task.seed),
        num_classes=task.num_classes,
        seed=task.seed,
    )


def _kernel_mapped(rows: Floats, num_target: int, sources: list[ImageSet], task: Task) -> Floats:
    """The rows, through the kernel map with which a linear head predicts the classes of all sources best, if any."""
    if rows.shape[1] > MOST_MAPPED:
        return rows
    labels = np.concatenate([one.labels for one in sources])
    found = fit_kernel_ridge(rows[num_target:], labels, task.num_classes, seed=task.seed)
    return rows if found.kernel_map is None else found.kernel_map.rows(rows)


def _rows(features: FeatureSet, embedded: bool) -> Floats:
    if not embedded:
        return np.asarray(Representation.fitted(features, "stages").matrix(features), np.float64)
    rows = np.asarray(features.penultimate, np.float64)
    std = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(std > 0, std, 1.0))


def _balanced_rows(labels: Integers, most: int, seed: int) -> Integers:
    """At most `most` random rows, ascending; the largest classes lose rows first."""
    order = generator_for(seed, "sources", "rows").permutation(len(labels))
    place_in_class = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        place_in_class[own] = np.arange(len(own))
    return np.sort(order[np.argsort(place_in_class[order], kind="stable")][:most])
