"""Measures of a source: distances to the target, and how well its labels predict in it, in other sources and in the target."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy.special import softmax

from headstart.core.estimate import Estimate
from headstart.core.seeds import generator_for
from headstart.core.spacing import random_rows
from headstart.core.types import UNLABELED, Floats, Integers
from headstart.evaluation.intervals import wilson
from headstart.features.feature_set import LabeledFeatures
from headstart.heads.class_statistics import compact
from headstart.heads.ridge_leave_one_out import RidgeFit, fit_ridge
from headstart.planning.sources.domain_features import DomainFeatures
from headstart.planning.sources.source_ranking import MeasuredSource
from headstart.scores.leep import leep
from headstart.scores.nce import nce
from headstart.shift.class_agreement import class_agreement
from headstart.shift.dataset_distance import dataset_distance
from headstart.shift.joint_ridge import Labeled
from headstart.shift.mmd import unbiased_mmd
from headstart.shift.proxy_a_distance import proxy_a_distance

MOST_DISTANCE_ROWS = 500
"""The largest number of rows of each domain for the distances between domains, a matter of time."""
FEW_SHOT_DRAWS = 10
"""Number of draws over which few-shot accuracy is averaged. Chosen, not measured."""
GROUP_FOLDS = 5
"""Folds in which a source's rows are predicted from other sources that share groups with it. Chosen, not measured."""


def measured(domains: DomainFeatures, name: str, classes: tuple[str, ...], num_images: int) -> MeasuredSource:
    """The measures of one source of `num_images` labeled rows, without those by other sources, and without a decision."""
    source, target = domains.sources[name], domains.target
    present, wanted = np.unique(source.labels), np.unique(target.labels)
    common = np.intersect1d(present, wanted)
    fit = fit_ridge(source.rows, compact(source.labels), len(present), groups=source.groups)
    own, chance, p_value = _against_chance(fit.loo_scores.argmax(axis=1), compact(source.labels)[fit.loo_rows])
    rows, target_rows = domains.source_rows[name], domains.target_rows[: len(target)]
    near, far = (
        one[random_rows(len(one), MOST_DISTANCE_ROWS, generator_for(domains.seed, "sources", "distances"))]
        for one in (rows, domains.target_rows)
    )
    return MeasuredSource(
        name=name,
        num_images=num_images,
        num_classes=len(present),
        common_classes=tuple(classes[label] for label in common),
        name_overlap=len(common) / len(wanted) if len(wanted) else None,
        agreement=class_agreement(rows, source.labels, target_rows, target.labels),
        proxy_a=proxy_a_distance(near, far),
        mmd=unbiased_mmd(near, far),
        otdd=_transport_distance(domains, rows, source.labels, target_rows, target.labels),
        own_accuracy=own,
        own_chance=chance,
        own_p_value=p_value,
        **_on_target(fit, present, target),
    )


def p_value_of(hits: int, num: int, chance: float) -> float:
    """The probability of so many hits or more where each has that chance.

    >>> round(p_value_of(3, 4, 0.5), 4)
    0.3125
    """
    from scipy.stats import binom  # noqa: PLC0415  takes half a second

    return float(binom.sf(hits - 1, num, chance))


def agreement_by_chance(predicted: Integers, labels: Integers) -> float:
    """The accuracy to expect of predictions that are independent of the labels: the sum over classes of both shares' product.

    A classifier that always predicts the largest class has chance accuracy by it, however large that class is.

    Reference: Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 1960.

    >>> agreement_by_chance(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    0.5
    """
    num = int(max(predicted.max(), labels.max())) + 1
    return float(np.bincount(predicted, minlength=num) @ np.bincount(labels, minlength=num) / len(labels) ** 2)


def _against_chance(predicted: Integers, labels: Integers) -> tuple[Estimate, float, float]:
    """Accuracy, the accuracy to expect by chance, and the p-value of that chance."""
    hits, chance = int((predicted == labels).sum()), agreement_by_chance(predicted, labels)
    return wilson(hits, len(labels)), chance, p_value_of(hits, len(labels), chance)


def _transport_distance(
    domains: DomainFeatures, rows: Floats, labels: Integers, target_rows: Floats, target_labels: Integers
) -> float | None:
    if len(target_labels) < 2:
        return None
    return dataset_distance(rows @ domains.axes, labels, target_rows @ domains.axes, target_labels, domains.seed)


def _on_target(fit: RidgeFit, present: Integers, target: Labeled) -> dict[str, object]:
    """LEEP, NCE and accuracy of a probe on labeled target rows."""
    if not len(target):
        return {"leep": None, "nce": None}
    scores = target.rows @ fit.weight + fit.bias
    labeled = LabeledFeatures(target.rows, target.labels, softmax(scores / fit.temperature, axis=1))
    found, _, p_value = _against_chance(present[scores.argmax(axis=1)], target.labels)
    return {"leep": leep(labeled), "nce": nce(labeled), "target_accuracy": found, "target_p_value": p_value}


def measured_by_others(domains: DomainFeatures, name: str, sound: Collection[str]) -> dict[str, object]:
    """`others_accuracy`, `others_chance` and `others_p_value` of a source; empty where no other source has its classes.

    A probe is trained on all other sources of those named in `sound`, whose labels fit their images. No row is predicted by a
    probe that was trained on rows of its own group.
    """
    own = domains.sources[name]
    others = [source for other, source in domains.sources.items() if other != name and other in sound]
    if not others:
        return {}
    rows, labels, groups = (
        np.concatenate(part) for part in zip(*((one.rows, one.labels, one.groups) for one in others), strict=True)
    )
    folds = compact(own.groups) % GROUP_FOLDS if np.isin(groups, own.groups).any() else np.zeros(len(own), np.int64)
    predicted = np.full(len(own), UNLABELED, np.int64)
    for fold in np.unique(folds):
        fitted = ~np.isin(groups, own.groups[folds == fold])
        present = np.unique(labels[fitted])
        held_out = (folds == fold) & np.isin(own.labels, present)
        if len(present) < 2 or not held_out.any():
            continue
        fit = fit_ridge(rows[fitted], compact(labels[fitted]), len(present), groups=groups[fitted])
        predicted[held_out] = present[(own.rows[held_out] @ fit.weight + fit.bias).argmax(axis=1)]
    scored = predicted != UNLABELED
    if not scored.any():
        return {}
    found, chance, p_value = _against_chance(predicted[scored], own.labels[scored])
    return {"others_accuracy": found, "others_chance": chance, "others_p_value": p_value}


def few_shot_accuracy(source: Labeled, shots: int, seed: int) -> float:
    """The accuracy of `shots` labels a class within one domain: the mean of ridge over ten draws, on all other rows."""
    present = np.unique(source.labels)
    labels = compact(source.labels)
    accuracies = []
    for draw in range(FEW_SHOT_DRAWS):
        order = generator_for(seed, "sources", "few shots", draw).permutation(len(labels))
        chosen = np.concatenate([order[labels[order] == label][:shots] for label in range(len(present))])
        rest = np.setdiff1d(order, chosen)
        if not len(rest):
            return 1.0
        fit = fit_ridge(source.rows[chosen], labels[chosen], len(present))
        accuracies.append(float(((source.rows[rest] @ fit.weight + fit.bias).argmax(axis=1) == labels[rest]).mean()))
    return float(np.mean(accuracies))
