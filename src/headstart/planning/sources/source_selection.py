"""Source selection: which labeled domains are used for a target.

    labeled target rows                                 rule
    none, or too few to reject chance                   without_target_labels
    10 or more of classes with two rows and more        by_left_out_rows: ridge on target and source rows
    others, mostly one a class                          by_few_shot_accuracy: a probe on the source alone

Before that, sources are rejected whose labels do not fit their own images and, with target labels, sources without a common class
or whose probe is not significantly better than chance on labeled target rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.loading import load_backbone
from headstart.core.types import Integers
from headstart.data.task import Task
from headstart.evaluation.compare import Paired
from headstart.heads.ridge_leave_one_out import RidgeFit
from headstart.planning.deciding.multiple_comparisons import ERROR, level_of_best, significant_at
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.sources.domain_features import DomainFeatures, domain_features
from headstart.planning.sources.source_gain import WEIGHTS, accuracy_of, best_weight, gain_of, rows_that_decide
from headstart.planning.sources.source_matrix import pairs_sentence, source_matrix
from headstart.planning.sources.source_measures import (
    agreement_by_chance,
    few_shot_accuracy,
    measured,
    measured_by_others,
    p_value_of,
)
from headstart.planning.sources.source_ranking import Choice, MeasuredSource, SourceRanking
from headstart.shift.joint_ridge import Labeled, leave_target_out

LARGEST_LOSS = 0.02
"""The largest fall of accuracy on the nearest source's rows for which a further source is used. Chosen, not measured."""
CHANCE_LEVEL = 0.01
"""Level of the tests whether a source's own accuracy, and that by other sources, is above chance. Chosen, not measured."""
FAR = 1.9
"""Proxy A-distance from which a warning says that a source is far: a classifier confuses the domains on 2.5 % of rows then."""


@dataclass
class _Decision:
    """The weight of each source's rows, the tested gains, and the reasons, by source."""

    weights: dict[str, float] = field(default_factory=dict)
    gains: dict[str, Paired] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    num_labeled: int = 0


def select_sources(task: Task, backbone: Backbone) -> SourceRanking:
    """Which sources are used, with everything that was measured of them; the rules are at the top of this module.

    Class names that were permuted consistently fit their images: without target labels and other sources nothing reveals that.

    Args:
        task: With a source; test labels and those of unlabeled rows are not read.
        backbone: What computes the features.

    Returns:
        The ranking.

    Raises:
        DataError: There is no source, or the target has fewer than two images.
    """
    domains = domain_features(task, backbone)
    counts = Counter(task.source.domains) if task.source else Counter()
    sources = {name: measured(domains, name, task.classes, counts.get(name, len(task.source or ()))) for name in domains.sources}
    sound = [name for name, one in sources.items() if one.own_p_value < CHANCE_LEVEL]
    sources = {name: one.model_copy(update=measured_by_others(domains, name, sound)) for name, one in sources.items()}
    decision = _decision(domains, {name: sources[name] for name in sound})
    for name, one in sources.items():
        decision.reasons.setdefault(name, _why_not_compared(one, name in sound))
    return _ranking(task, sources, decision)


def select_sources_by(task: Task, ranking: Ranking) -> SourceRanking:
    """As `select_sources`, by the first candidate of a ranking's shortlist."""
    first = next(one for one in ranking.candidates if one.name == ranking.chosen[0])
    pixels = input_pixels_for(card_of(first.pretrained), task)
    found = select_sources(task, load_backbone(first.pretrained, first.weights, pixels, task.seed))
    matrix = source_matrix(task, ranking)
    return found.model_copy(update={"matrix": matrix, "pairs": pairs_sentence(matrix)})


def _decision(domains: DomainFeatures, sound: dict[str, MeasuredSource]) -> _Decision:
    """The rule that the labeled target rows allow, applied to the sources that are compared."""
    labels, num = domains.target.labels, len(domains.target)
    if not num:
        return _without_target_labels(domains, list(sound.values()))
    common = [one for one in sound.values() if one.common_classes]
    if p_value_of(num, num, agreement_by_chance(labels, labels)) >= ERROR:  # not significant even if all are right
        right = [one for one in common if one.target_accuracy and one.target_accuracy.value > 0.5]
        decision = _without_target_labels(domains, right)
        decision.num_labeled = num
        return decision
    compared = [one for one in common if (one.target_p_value or 0.0) < ERROR]
    fair = rows_that_decide(domains.target)
    if len(fair):
        return _by_left_out_rows(domains, [one.name for one in compared], fair)
    return _by_few_shot_accuracy(domains, compared)


def _why_not_compared(one: MeasuredSource, is_sound: bool) -> str:
    if not is_sound:
        return (
            f"its labels do not fit its own images: leave-one-out accuracy {one.own_accuracy.value:.2f}, and "
            f"{one.own_chance:.2f} by chance"
        )
    if not one.common_classes:
        return "it has no class in common with the target's labels"
    right = one.target_accuracy.value if one.target_accuracy else 0.0
    return f"a probe trained on it predicts {right:.2f} of the labeled target images right, which may be chance"


def _by_left_out_rows(domains: DomainFeatures, names: list[str], fair: Integers) -> _Decision:
    """Sources are added one by one, the best first, while left-out target rows are predicted significantly better."""
    decision = _Decision(num_labeled=len(domains.target))
    before = leave_target_out(domains.target, [], domains.num_classes, fair)
    rest = list(names)
    while rest:
        given = [(domains.sources[name], weight) for name, weight in decision.weights.items()]
        trials = {name: best_weight(domains, given, domains.sources[name], fair) for name in rest}
        gains = {name: gain_of(domains, trial, before, fair) for name, (_, trial) in trials.items()}
        for name in rest:
            decision.gains[name] = gains[name]
            decision.reasons[name] = _gain_in_words(gains[name], trials[name][1], before, domains.target, fair)
        best = min(rest, key=lambda name: trials[name][1].loss)
        level = level_of_best(len(rest) * len(WEIGHTS))
        if not significant_at(gains[best], level) or gains[best].accuracy_gain.value < 0:
            break
        decision.weights[best], before = trials[best]
        rest.remove(best)
    return decision


def _gain_in_words(gain: Paired, after: RidgeFit, before: RidgeFit, target: Labeled, fair: Integers) -> str:
    right, right_without = (accuracy_of(one, target.labels, fair) for one in (after, before))
    return (
        f"with it {right:.2f} of {gain.num_rows} left-out target images are predicted right, and "
        f"{right_without:.2f} without (log loss lower by {gain.log_loss_gain.value:.2f}, at least "
        f"{gain.lower_bound:.2f})"
    )


def _by_few_shot_accuracy(domains: DomainFeatures, compared: Sequence[MeasuredSource]) -> _Decision:
    """A source is used if its probe predicts the labeled rows better than as many labels within one domain would."""
    decision = _Decision(num_labeled=len(domains.target))
    shots = max(1, round(len(domains.target) / max(1, len(np.unique(domains.target.labels)))))
    for one in compared:
        least = few_shot_accuracy(domains.sources[one.name], shots, domains.seed)
        right = one.target_accuracy
        decision.reasons[one.name] = (
            f"it predicts {right.value if right else 0.0:.2f} of {len(domains.target)} labeled target images right, where "
            f"{shots} label{'s' * (shots > 1)} a class would predict about {least:.2f} within one domain"
        )
        if right is not None and right.value > least:
            decision.weights[one.name] = 1.0
    return decision


def _without_target_labels(domains: DomainFeatures, compared: Sequence[MeasuredSource]) -> _Decision:
    """All sources but those that the others contradict, and those that lower the accuracy on the nearest one."""
    decision = _Decision()
    ranked = sorted(compared, key=lambda one: (round(one.proxy_a, 1), one.mmd))
    at_chance = [one for one in ranked if one.others_p_value is not None and one.others_p_value >= CHANCE_LEVEL]
    all_contradict = 1 < len(ranked) == len(at_chance)
    contradicted = at_chance if len(at_chance) < len(ranked) else at_chance[1:]
    for one in contradicted:
        decision.reasons[one.name] = (
            f"the other sources predict {one.others_accuracy.value if one.others_accuracy else 0.0:.2f} of its labels, and "
            f"{one.others_chance or 0.0:.2f} are expected by chance: its class names mean something else"
        )
    remaining = [one for one in ranked if one not in contradicted]
    for one in remaining[:1]:
        decision.weights[one.name] = 1.0
        nearest = "it is the nearest, and " if len(compared) > 1 else ""
        doubt = ", though the other sources contradict it: only labels of target images tell which is right"
        decision.reasons[one.name] = (
            f"{nearest}its labels fit its images ({one.own_accuracy.value:.2f} by leave-one-out){doubt if all_contradict else ''}"
        )
    for one in remaining[1:]:
        nearest_source, other = domains.sources[remaining[0].name], domains.sources[one.name]
        alone, both = (leave_target_out(nearest_source, given, domains.num_classes) for given in ([], [(other, 1.0)]))
        lost = accuracy_of(alone, nearest_source.labels) - accuracy_of(both, nearest_source.labels)
        decision.reasons[one.name] = (
            f"with it the accuracy on left-out images of {remaining[0].name}, the nearest, "
            f"{f'falls by {lost:.2f}' if lost > 0 else f'rises by {-lost:.2f}'}"
        )
        if lost <= LARGEST_LOSS:
            decision.weights[one.name] = 1.0
    return decision


def _ranking(task: Task, sources: dict[str, MeasuredSource], decision: _Decision) -> SourceRanking:
    rows = [
        one.model_copy(
            update={"weight": decision.weights.get(name, 0.0), "gain": decision.gains.get(name), "reason": decision.reasons[name]}
        )
        for name, one in sources.items()
    ]
    rows.sort(key=lambda one: (-one.weight, one.proxy_a, one.mmd))
    notes = [finding.title for finding in task.findings if finding.code in {"no-common-class", "one-class-source"}]
    return SourceRanking(
        sources=tuple(rows),
        choice=_choice([one.weight for one in rows if one.used]),
        used=tuple(one.name for one in rows if one.used),
        num_labeled=decision.num_labeled,
        sentence=_sentence(rows, decision.num_labeled),
        notes=tuple(notes),
    )


def _choice(weights: list[float]) -> Choice:
    if not weights:
        return "none"
    if any(weight != 1.0 for weight in weights):
        return "weights"
    return "one" if len(weights) == 1 else "mixture"


def _sentence(rows: Sequence[MeasuredSource], num_labeled: int) -> str:
    used = [one for one in rows if one.used]
    basis = f"By {num_labeled} labeled target images" if num_labeled else "Without any target label"
    if not used:
        advice = "" if num_labeled else " Label some target images."
        return f"{basis}, no source is used: {rows[0].name}, the nearest: {rows[0].reason}.{advice}"
    named = " and ".join(one.name if one.weight == 1.0 else f"{one.name} (rows weigh {one.weight:g})" for one in used)
    warning = (
        f" A classifier tells its images from the target's almost without a mistake (proxy A-distance {used[0].proxy_a:.2f}), so "
        "that its labels may not transfer: 20 labeled target images would show it."
    )
    far = used[0].proxy_a >= FAR and not num_labeled
    return f"{basis}, {named} {'is' if len(used) == 1 else 'are'} used: {used[0].reason}.{warning if far else ''}"
