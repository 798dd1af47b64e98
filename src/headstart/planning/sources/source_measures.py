"""What is measured of each source: distances to the target, what its labels say at home and abroad."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy.special import softmax
from scipy.stats import binom

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.evaluation.intervals import wilson
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact
from headstart.heads.ridge import RidgeFit, fit_ridge
from headstart.planning.sources.domain_features import DomainFeatures
from headstart.planning.sources.source_ranking import SourceJudgment
from headstart.scores.leep import leep
from headstart.scores.nce import nce
from headstart.shift.class_agreement import class_agreement
from headstart.shift.dataset_distance import dataset_distance, transport_installed
from headstart.shift.joint_ridge import Labeled
from headstart.shift.mmd import unbiased_mmd
from headstart.shift.proxy_a_distance import proxy_a_distance

MOST_DISTANCE_ROWS = 500
FEW_SHOT_DRAWS = 10
KIN_FOLDS = 5
"""Parts in which a source is judged by others that share groups with it, each part by rows of other groups."""


def measured(seen: DomainFeatures, name: str, classes: tuple[str, ...], num_images: int) -> SourceJudgment:
    """Everything about one source by itself but whether it is used.

    Args:
        seen: The domains.
        name: Which source.
        classes: Class names of the task.
        num_images: Labeled rows of the source.

    Returns:
        The judgment, without reason, and without what others say.
    """
    source, target = seen.sources[name], seen.target
    shown, wanted = np.unique(source.labels), np.unique(target.labels)
    common = np.intersect1d(shown, wanted)
    fit = fit_ridge(source.rows, compact(source.labels), len(shown), groups=source.groups)
    own, chance, p_value = _told(fit.loo_scores.argmax(axis=1), compact(source.labels)[fit.judged])
    raw, wanted_raw = seen.source_images[name], seen.images[: len(target)]
    near, far = (_thinned(rows, seen.seed) for rows in (raw, seen.images))
    return SourceJudgment(
        name=name,
        num_images=num_images,
        num_classes=len(shown),
        common_classes=tuple(classes[label] for label in common),
        name_overlap=len(common) / len(wanted) if len(wanted) else None,
        agreement=class_agreement(raw, source.labels, wanted_raw, target.labels),
        proxy_a=proxy_a_distance(near, far),
        mmd=unbiased_mmd(near, far),
        otdd=_carried(seen, Labeled(raw, source.labels, source.groups), Labeled(wanted_raw, target.labels, target.groups)),
        own=own,
        own_chance=chance,
        own_p_value=p_value,
        **_abroad(fit, shown, target),
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


def _carried(seen: DomainFeatures, source: Labeled, target: Labeled) -> float | None:
    if len(target) < 2 or not transport_installed():
        return None
    first, second = source.rows @ seen.axes, target.rows @ seen.axes
    return dataset_distance(first, source.labels, second, target.labels, seen.seed)


def _abroad(fit: RidgeFit, shown: Integers, target: Labeled) -> dict[str, object]:
    """LEEP, NCE and accuracy of a probe on labeled target rows."""
    if not len(target):
        return {"leep": None, "nce": None}
    scores = target.rows @ fit.weight + fit.bias
    seen = LabeledFeatures(target.rows, target.labels, softmax(scores / fit.temperature, axis=1))
    found, _, p_value = _told(shown[scores.argmax(axis=1)], target.labels)
    return {"leep": leep(seen), "nce": nce(seen), "on_target": found, "on_target_p_value": p_value}


def told_by_others(seen: DomainFeatures, name: str, trusted: Collection[str]) -> dict[str, object]:
    """Accuracy of other sources' labels on this one's rows of their classes; no row is judged by rows of its own group.

    Args:
        seen: The domains.
        name: Which source.
        trusted: Sources whose labels say something; those others are asked.

    Returns:
        `by_others`, `others_chance` and `others_p_value` of a judgment; nothing where no other source can tell.
    """
    own, others = seen.sources[name], [source for other, source in seen.sources.items() if other != name and other in trusted]
    if not others:
        return {}
    rows, labels, groups = (
        np.concatenate(part) for part in zip(*((one.rows, one.labels, one.groups) for one in others), strict=True)
    )
    parts = compact(own.groups) % KIN_FOLDS if np.isin(groups, own.groups).any() else np.zeros(len(own), np.int64)
    predicted = np.full(len(own), UNLABELED, np.int64)
    for part in np.unique(parts):
        taught = ~np.isin(groups, own.groups[parts == part])
        shown = np.unique(labels[taught])
        judged = (parts == part) & np.isin(own.labels, shown)
        if len(shown) < 2 or not judged.any():
            continue
        fit = fit_ridge(rows[taught], compact(labels[taught]), len(shown), groups=groups[taught])
        predicted[judged] = shown[(own.rows[judged] @ fit.weight + fit.bias).argmax(axis=1)]
    judged = predicted != UNLABELED
    if not judged.any():
        return {}
    found, chance, p_value = _told(predicted[judged], own.labels[judged])
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
