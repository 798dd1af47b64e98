"""What is measured of each source: distances to the target, what its labels say at home and abroad."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax
from scipy.stats import binom

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.types import Floats, Integers
from headstart.data.images import ImageSet
from headstart.data.task import Task, concatenate
from headstart.evaluation.intervals import wilson
from headstart.features.class_agreement import class_agreement
from headstart.features.class_statistics import compact
from headstart.features.dataset_distance import dataset_distance, transport_installed
from headstart.features.extract import features_of
from headstart.features.feature_set import FeatureSet, LabeledFeatures
from headstart.features.joint_ridge import Labeled
from headstart.features.mean_discrepancy import unbiased_mmd
from headstart.features.principal_axes import principal_axes
from headstart.features.proxy_a_distance import proxy_a_distance
from headstart.features.representation import Representation
from headstart.features.ridge_solver import RidgeFit, fit_ridge
from headstart.planning.source_ranking import SourceJudgment
from headstart.scores.leep import leep
from headstart.scores.nce import nce

MOST_ROWS = 1_000
"""Rows of a domain that are looked at: accuracies are then known to three points."""
MOST_SOURCE_ROWS = 3_000
"""Of all sources together: a fit to them takes seconds."""
MOST_DISTANCE_ROWS = 500
DISTANCE_AXES = 32
"""Directions of the features in which classes are taken as Gaussians."""
FEW_SHOT_DRAWS = 10


@dataclass(frozen=True)
class Seen:
    """Domains as one backbone sees them, in one space.

    Attributes:
        target: Its labeled rows; maybe none.
        images: float64 [sample, feature]: target rows with labels or without, for distances.
        sources: By name.
        axes: float32 [feature, axis]: the directions in which all rows together vary most.
        num_classes: Of the task.
        seed: Of everything drawn.
    """

    target: Labeled
    images: Floats = field(repr=False)
    sources: dict[str, Labeled]
    axes: Floats = field(repr=False)
    num_classes: int
    seed: int


def seen_domains(task: Task, backbone: Backbone) -> Seen:
    """Some rows of the target and of each source, in one space.

    Pictures are seen at all depths of the backbone, feature vectors as they are, each feature at unit spread.

    Args:
        task: With a source.
        backbone: What looks at the images.

    Returns:
        At most 1,000 rows a domain, and 3,000 of all sources.

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
        raise DataError(f"{task.name} has {num_target} images to compare sources with, and two are needed. Add some.")
    domains = [source.of_domain(name) for name in source.domain_names] if source.domains else [source]
    chosen = [one.take(_some(one.labels, most, task.seed)) for one in domains]
    rows = _space(features_of(_all([*parts, *chosen]), backbone), source.images.embedded)
    edges = np.cumsum([num_target, *map(len, chosen)])
    spread = np.asarray(rows - rows.mean(axis=0), np.float32)
    names = source.domain_names or ("source",)
    return Seen(
        target=Labeled(rows[: len(target)], target.labels, target.groups),
        images=rows[:num_target],
        sources={
            name: Labeled(rows[start:stop], one.labels, one.groups)
            for name, one, start, stop in zip(names, chosen, edges[:-1], edges[1:], strict=True)
        },
        axes=principal_axes(spread, DISTANCE_AXES, task.seed),
        num_classes=task.num_classes,
        seed=task.seed,
    )


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


def measured(seen: Seen, name: str, classes: tuple[str, ...], num_images: int) -> SourceJudgment:
    """Everything about one source but whether it is used.

    Args:
        seen: The domains.
        name: Which source.
        classes: Class names of the task.
        num_images: Labeled rows of the source.

    Returns:
        The judgment, without reason.
    """
    source, target = seen.sources[name], seen.target
    shown, wanted = np.unique(source.labels), np.unique(target.labels)
    common = np.intersect1d(shown, wanted)
    fit = fit_ridge(source.rows, compact(source.labels), len(shown), groups=source.groups)
    own, chance, p_value = _told(fit.loo_scores.argmax(axis=1), compact(source.labels)[fit.judged])
    near, far = (_thinned(rows, seen.seed) for rows in (source.rows, seen.images))
    return SourceJudgment(
        name=name,
        num_images=num_images,
        num_classes=len(shown),
        common_classes=tuple(classes[label] for label in common),
        name_overlap=len(common) / len(wanted) if len(wanted) else None,
        agreement=class_agreement(source.rows, source.labels, target.rows, target.labels),
        proxy_a=proxy_a_distance(near, far),
        mmd=unbiased_mmd(near, far),
        otdd=_carried(seen, source),
        own=own,
        own_chance=chance,
        own_p_value=p_value,
        **_abroad(fit, shown, target),
        **_by_others(seen, name),
    )


def p_value_of(hits: int, num: int, chance: float) -> float:
    """The probability of so many hits or more where each has that chance.

    >>> round(p_value_of(3, 4, 0.5), 4)
    0.3125
    """
    return float(binom.sf(hits - 1, num, chance))


def agreement_by_chance(predicted: Integers, labels: Integers) -> float:
    """The accuracy to expect of predictions that have nothing to do with the labels, each class as frequent as it is in both.

    A classifier that always answers the largest class is at chance by it, however large that class is.

    Args:
        predicted: int64 [sample].
        labels: int64 [sample].

    Returns:
        The sum over classes of the product of their shares.

    Reference: Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 1960.

    >>> agreement_by_chance(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    0.5
    """
    num = int(max(predicted.max(), labels.max())) + 1
    return float(np.bincount(predicted, minlength=num) @ np.bincount(labels, minlength=num) / len(labels) ** 2)


def _told(predicted: Integers, labels: Integers) -> tuple[Estimate, float, float]:
    """Accuracy, what it would be by chance, and the p-value of that chance."""
    hits, chance = int((predicted == labels).sum()), agreement_by_chance(predicted, labels)
    return wilson(hits, len(labels)), chance, p_value_of(hits, len(labels), chance)


def _thinned(rows: Floats, seed: int) -> Floats:
    order = generator_for(seed, "sources", "distances").permutation(len(rows))
    return rows[np.sort(order[:MOST_DISTANCE_ROWS])]


def _carried(seen: Seen, source: Labeled) -> float | None:
    if len(seen.target) < 2 or not transport_installed():
        return None
    first, second = source.rows @ seen.axes, seen.target.rows @ seen.axes
    return dataset_distance(first, source.labels, second, seen.target.labels, seen.seed)


def _abroad(fit: RidgeFit, shown: Integers, target: Labeled) -> dict[str, object]:
    """LEEP, NCE and accuracy of a probe on labeled target rows."""
    if not len(target):
        return {"leep": None, "nce": None}
    scores = target.rows @ fit.weight + fit.bias
    seen = LabeledFeatures(target.rows, target.labels, softmax(scores / fit.temperature, axis=1))
    found, _, p_value = _told(shown[scores.argmax(axis=1)], target.labels)
    return {"leep": leep(seen), "nce": nce(seen), "on_target": found, "on_target_p_value": p_value}


def _by_others(seen: Seen, name: str) -> dict[str, object]:
    """Accuracy of the other sources' labels on this one's rows of their classes."""
    others = [source for other, source in seen.sources.items() if other != name]
    if not others:
        return {}
    rows, labels = np.concatenate([one.rows for one in others]), np.concatenate([one.labels for one in others])
    shown = np.unique(labels)
    own = seen.sources[name]
    judged = np.isin(own.labels, shown)
    if not judged.any():
        return {}
    fit = fit_ridge(rows, compact(labels), len(shown), groups=np.concatenate([one.groups for one in others]))
    predicted = shown[(own.rows[judged] @ fit.weight + fit.bias).argmax(axis=1)]
    found, chance, p_value = _told(predicted, own.labels[judged])
    return {"by_others": found, "others_chance": chance, "others_p_value": p_value}


def few_shot_accuracy(source: Labeled, shots: int, seed: int) -> float:
    """The accuracy that so many labels a class give within one domain: the mean of ridge over ten draws, on all other rows."""
    shown = np.unique(source.labels)
    labels = compact(source.labels)
    right = []
    for draw in range(FEW_SHOT_DRAWS):
        order = generator_for(seed, "sources", "few shots", draw).permutation(len(labels))
        chosen = np.concatenate([order[labels[order] == label][:shots] for label in range(len(shown))])
        rest = np.setdiff1d(order, chosen)
        if not len(rest):
            return 1.0
        fit = fit_ridge(source.rows[chosen], labels[chosen], len(shown))
        right.append(float(((source.rows[rest] @ fit.weight + fit.bias).argmax(axis=1) == labels[rest]).mean()))
    return float(np.mean(right))
