"""Seen domains: rows of a target and of its sources as one backbone sees them, to judge sources by."""

from __future__ import annotations

from dataclasses import dataclass, field

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
"""Rows of a domain that are looked at: accuracies are then known to three points."""
MOST_SOURCE_ROWS = 2_000
"""Of all sources together: a fit to them takes seconds."""
MOST_LIFTED = 256
"""Wider feature vectors get no kernel map: a kernel of them says little more than they do."""
DISTANCE_AXES = 32
"""Directions of the features in which classes are taken as Gaussians."""


@dataclass(frozen=True)
class DomainFeatures:
    """Domains as one backbone sees them, in one space.

    Attributes:
        target: Its labeled rows as probes see them; maybe none.
        sources: Those of each source, by name.
        images: float64 [sample, feature]: target rows as they are, labeled ones first, then unlabeled ones.
        source_images: float64 [sample, feature]: rows of each source as they are.
        axes: float32 [feature, axis]: the directions in which all rows together vary most.
        num_classes: Of the task.
        seed: Of everything drawn.
    """

    target: Labeled
    sources: dict[str, Labeled]
    images: Floats = field(repr=False)
    source_images: dict[str, Floats] = field(repr=False)
    axes: Floats = field(repr=False)
    num_classes: int
    seed: int


def domain_features(task: Task, backbone: Backbone) -> DomainFeatures:
    """Some rows of the target and of each source, in one space.

    Pictures are seen at all depths of the backbone, feature vectors as they are, each feature at unit spread. Probes see vectors
    of up to 256 features after a kernel map where leave-one-out says that this is better.

    Args:
        task: With a source.
        backbone: What looks at the images.

    Returns:
        At most 1,000 rows a domain, and 2,000 of all sources.

    Raises:
        DataError: There is no source, or the target has fewer than two images.
    """
    if not task.source:
        raise DataError(f"{task.name} has no source to judge. Name one with --source.")
    labeled, source = task.labeled, task.source
    most = min(MOST_ROWS, MOST_SOURCE_ROWS // max(1, len(source.domain_names)))
    target = labeled.take(_some(labeled.labels, MOST_ROWS, task.seed))
    free = task.unlabeled.take(_some(np.zeros(len(task.unlabeled), np.int64), MOST_ROWS, task.seed)) if task.unlabeled else None
    parts = [part for part in (target, free) if part is not None and len(part)]
    num_target = sum(map(len, parts))
    if num_target < 2:
        raise DataError(
            f"{task.name}: a source is compared with two target images at least, and there are {num_target}. Add some."
        )
    domains = [source.of_domain(name) for name in source.domain_names] if source.domains else [source]
    chosen = [one.take(_some(one.labels, most, task.seed)) for one in domains]
    rows = _space(features_of(_all([*parts, *chosen]), backbone), source.images.embedded)
    edges = np.cumsum([num_target, *map(len, chosen)])
    probed = (
        _kernel_mapped(rows, num_target, np.concatenate([one.labels for one in chosen]), task) if source.images.embedded else rows
    )
    spread = np.asarray(rows - rows.mean(axis=0), np.float32)
    spans = dict(zip(source.domain_names or ("source",), map(slice, edges[:-1], edges[1:]), strict=True))
    return DomainFeatures(
        target=Labeled(probed[: len(target)], target.labels, target.groups),
        sources={
            name: Labeled(probed[span], one.labels, one.groups) for (name, span), one in zip(spans.items(), chosen, strict=True)
        },
        images=rows[:num_target],
        source_images={name: rows[span] for name, span in spans.items()},
        axes=principal_components(spread, DISTANCE_AXES, task.seed),
        num_classes=task.num_classes,
        seed=task.seed,
    )


def _kernel_mapped(rows: Floats, num_target: int, labels: Integers, task: Task) -> Floats:
    """The rows, in the space in which a linear head tells the classes of all sources best."""
    if rows.shape[1] > MOST_LIFTED:
        return rows
    found = fit_kernel_ridge(rows[num_target:], labels, task.num_classes, seed=task.seed)
    return rows if found.kernel_map is None else found.kernel_map.rows(rows)


def _all(parts: list[ImageSet]) -> ImageSet:
    whole = parts[0]
    for part in parts[1:]:
        whole = concatenate(whole, part)
    return whole


def _space(features: FeatureSet, embedded: bool) -> Floats:
    if not embedded:
        return np.asarray(Representation.fitted(features, "stages").matrix(features), np.float64)
    rows = np.asarray(features.penultimate, np.float64)
    spread = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _some(labels: Integers, most: int, seed: int) -> Integers:
    """So many rows at most, ascending, large classes cut first."""
    order = generator_for(seed, "sources", "rows").permutation(len(labels))
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    return np.sort(order[np.argsort(turn[order], kind="stable")][:most])
