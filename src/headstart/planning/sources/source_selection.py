"""Sources: which labeled domains help a target, judged by its own labels where it has some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.core.predictions import Predictions
from headstart.core.types import Integers
from headstart.data.task import Task
from headstart.evaluation.compare import Paired, compare
from headstart.heads.class_statistics import has_mates
from headstart.planning.deciding.multiple_comparisons import ERROR, is_ahead, level_of_best
from headstart.planning.input_size import input_pixels_for
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.sources.domain_features import DomainFeatures, domain_features
from headstart.planning.sources.source_measures import (
    agreement_by_chance,
    few_shot_accuracy,
    measured,
    p_value_of,
    told_by_others,
)
from headstart.planning.sources.source_ranking import Choice, SourceJudgment, SourceRanking
from headstart.shift.dataset_distance import transport_installed
from headstart.shift.joint_ridge import Labeled, LeftOut, leave_target_out

WEIGHTS = (1.0, 0.1)
"""What a source row may weigh next to a target row."""
LEAST_JUDGED = 10
"""Target rows of classes with two rows or more, from which on left-out rows decide."""
HARM = 0.02
"""Accuracy that a further source may cost on the nearest one's rows."""
SURE = 0.01
"""Level at which an accuracy is told from chance."""
CONTRADICTED = ", though the other sources contradict it: label some target images, as nothing else tells which of them is right"
"""Said of the nearest source where all sources contradict one another."""
FAR = 1.9
"""Proxy A-distance from which on two domains are told apart with hardly a mistake."""


@dataclass
class _Verdict:
    """What each source's rows weigh, what was tested, and why."""

    weights: dict[str, float] = field(default_factory=dict)
    gains: dict[str, Paired] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    num_labeled: int = 0


def judge_sources(task: Task, backbone: Backbone) -> SourceRanking:
    """Which sources help, with everything that was measured of them.

    Where labeled target rows can be left out and judged, a source is used if ridge on target and source rows predicts them better
    than ridge on target rows alone, at a level shared among all that was tried. Where each class has one label only, a source is
    used if it predicts them better than as many labels of its own would. A source whose probe is not surely better than chance on
    labeled target rows is not used. Without any, sources whose own labels are at chance are left out, then those that all others
    contradict, then those that harm the source nearest to the target.

    Labels that were permuted class by class look sound at home: without target labels and other sources nothing tells.

    Args:
        task: With a source; test labels and those of unlabeled rows are not read.
        backbone: What looks at the images.

    Returns:
        The ranking.

    Raises:
        DataError: There is no source, or the target has fewer than two images.
    """
    seen = domain_features(task, backbone)
    counts = Counter(task.source.domains) if task.source else Counter()
    judged = {name: measured(seen, name, task.classes, counts.get(name, len(task.source or ()))) for name in seen.sources}
    teaching = [name for name, one in judged.items() if one.own_p_value < SURE]
    judged = {name: one.model_copy(update=told_by_others(seen, name, teaching)) for name, one in judged.items()}
    verdict, told = _verdict(seen, {name: judged[name] for name in teaching})
    for name, one in judged.items():
        if name not in told:
            verdict.reasons[name] = _useless(one, name in teaching)
    return _ranking(task, judged, verdict)


def _verdict(seen: DomainFeatures, judged: dict[str, SourceJudgment]) -> tuple[_Verdict, list[str]]:
    """What sources with sound labels are worth, and which of them got so far as to be compared."""
    labels, num = seen.target.labels, len(seen.target)
    if not num:
        return _by_themselves(seen, list(judged.values())), list(judged)
    if p_value_of(num, num, agreement_by_chance(labels, labels)) >= ERROR:  # not even hits alone would tell
        told = [name for name, one in judged.items() if one.common_classes and one.on_target and one.on_target.value > 0.5]
        verdict = _by_themselves(seen, [judged[name] for name in told])
        verdict.num_labeled = num
        return verdict, told
    told = [name for name, one in judged.items() if one.common_classes and (one.on_target_p_value or 0.0) < ERROR]
    fair = np.flatnonzero(has_mates(labels, seen.target.groups))
    if len(fair) >= LEAST_JUDGED and len(np.unique(labels[fair])) > 1:
        return _by_left_out_rows(seen, told, fair), told
    return _by_single_rows(seen, [judged[name] for name in told]), told


def _useless(one: SourceJudgment, is_sound: bool) -> str:
    if not is_sound:
        return (
            f"its own labels say nothing about its images: leave-one-out accuracy {one.own.value:.2f}, and {one.own_chance:.2f} "
            "by chance"
        )
    if not one.common_classes:
        return "it has no class in common with the target's labels"
    right = one.on_target.value if one.on_target else 0.0
    return f"a probe trained on it tells {right:.2f} of the labeled target images right: not surely more than chance"


def judge_sources_by(task: Task, ranking: Ranking) -> SourceRanking:
    """As `judge_sources`, by the first candidate of a ranking's shortlist."""
    first = next(one for one in ranking.candidates if one.name == ranking.chosen[0])
    pixels = input_pixels_for(card_of(first.pretrained), task)
    return judge_sources(task, load_backbone(first.pretrained, first.weights, pixels, task.seed))


def _by_left_out_rows(seen: DomainFeatures, names: list[str], fair: Integers) -> _Verdict:
    """Sources are added one by one, the best first, as long as left-out target rows are predicted better."""
    verdict = _Verdict(num_labeled=len(seen.target))
    before = leave_target_out(seen.target, [], seen.num_classes, fair)
    rest = list(names)
    while rest:
        given = [(seen.sources[name], weight) for name, weight in verdict.weights.items()]
        trials = {name: _best_weight(seen, given, seen.sources[name], fair) for name in rest}
        gains = {name: _gain(seen, trial, before, fair) for name, (_, trial) in trials.items()}
        for name in rest:
            verdict.gains[name] = gains[name]
            verdict.reasons[name] = _told(gains[name], trials[name][1], before, seen.target, fair)
        best = min(rest, key=lambda name: trials[name][1].loss)
        level = level_of_best(len(rest) * len(WEIGHTS))
        if not is_ahead(gains[best], level) or gains[best].accuracy_gain.value < 0:
            break
        verdict.weights[best], before = trials[best]
        rest.remove(best)
    return verdict


def _best_weight(
    seen: DomainFeatures, given: list[tuple[Labeled, float]], source: Labeled, fair: Integers
) -> tuple[float, LeftOut]:
    tried = [(weight, leave_target_out(seen.target, [*given, (source, weight)], seen.num_classes, fair)) for weight in WEIGHTS]
    return min(tried, key=lambda one: one[1].loss)


def _gain(seen: DomainFeatures, after: LeftOut, before: LeftOut, fair: Integers) -> Paired:
    def rows(left: LeftOut) -> Predictions:
        classes = tuple(str(label) for label in range(seen.num_classes))
        names = tuple(str(row) for row in fair)
        probs = left.probs[fair]
        return Predictions(names, classes, seen.target.labels[fair], probs, probs, seen.target.groups[fair])

    return compare(rows(after), rows(before), seen.seed)


def _told(gain: Paired, after: LeftOut, before: LeftOut, target: Labeled, fair: Integers) -> str:
    with_it, without = (float((left.scores[fair].argmax(axis=1) == target.labels[fair]).mean()) for left in (after, before))
    return (
        f"with it {with_it:.2f} of {gain.num_rows} left-out target images are told right, and {without:.2f} without "
        f"(log loss lower by {gain.log_loss_gain.value:.2f}, at least {gain.lower_bound:.2f})"
    )


def _by_single_rows(seen: DomainFeatures, judged: Sequence[SourceJudgment]) -> _Verdict:
    """No target row can be left out: a source must beat chance, and what as many labels within one domain would tell."""
    verdict = _Verdict(num_labeled=len(seen.target))
    shots = max(1, round(len(seen.target) / max(1, len(np.unique(seen.target.labels)))))
    for one in judged:
        bar = few_shot_accuracy(seen.sources[one.name], shots, seen.seed)
        told = one.on_target
        verdict.reasons[one.name] = (
            f"it tells {told.value if told else 0.0:.2f} of {len(seen.target)} labeled target images right, where "
            f"{shots} label{'s' * (shots > 1)} a class would tell about {bar:.2f} within one domain"
        )
        if told is not None and told.value > bar:
            verdict.weights[one.name] = 1.0
    return verdict


def _by_themselves(seen: DomainFeatures, judged: Sequence[SourceJudgment]) -> _Verdict:
    """No target label: what all others contradict is left out, and what harms the nearest source."""
    verdict = _Verdict()
    kept = sorted(judged, key=lambda one: (round(one.proxy_a, 1), one.mmd))
    doubted = [one for one in kept if one.others_p_value is not None and one.others_p_value >= SURE]
    torn = 1 < len(kept) == len(doubted)
    contradicted = doubted if len(doubted) < len(kept) else doubted[1:]
    for one in contradicted:
        verdict.reasons[one.name] = (
            f"the other sources tell {one.by_others.value if one.by_others else 0.0:.2f} of its images by its own labels, "
            f"and {one.others_chance or 0.0:.2f} would be by chance: what it calls by a name is something else"
        )
    kept = [one for one in kept if one not in contradicted]
    for one in kept[:1]:
        verdict.weights[one.name] = 1.0
        nearest = "it is the nearest, and " if len(judged) > 1 else ""
        fits = f"its labels fit its images ({one.own.value:.2f} by leave-one-out)"
        verdict.reasons[one.name] = f"{nearest}{fits}{CONTRADICTED if torn else ''}"
    for one in kept[1:]:
        lost = _harm(seen, kept[0].name, one.name)
        verdict.reasons[one.name] = (
            f"with it the accuracy on left-out images of {kept[0].name}, the nearest, "
            f"{f'falls by {lost:.2f}' if lost > 0 else f'rises by {-lost:.2f}'}"
        )
        if lost <= HARM:
            verdict.weights[one.name] = 1.0
    return verdict


def _harm(seen: DomainFeatures, nearest: str, name: str) -> float:
    """What a source costs in accuracy on left-out rows of another."""
    stand_in, other = seen.sources[nearest], seen.sources[name]
    alone, both = (leave_target_out(stand_in, given, seen.num_classes) for given in ([], [(other, 1.0)]))
    right = [float((left.scores.argmax(axis=1) == stand_in.labels).mean()) for left in (alone, both)]
    return right[0] - right[1]


def _ranking(task: Task, judged: dict[str, SourceJudgment], verdict: _Verdict) -> SourceRanking:
    rows = [
        one.model_copy(
            update={
                "weight": verdict.weights.get(name, 0.0),
                "gain": verdict.gains.get(name),
                "reason": verdict.reasons[name],
            }
        )
        for name, one in judged.items()
    ]
    rows.sort(key=lambda one: (-one.weight, one.proxy_a, one.mmd))
    used = tuple(one.name for one in rows if one.used)
    notes = [finding.title for finding in task.findings if finding.code in {"no-common-class", "one-class-source"}]
    if verdict.num_labeled and not transport_installed():
        notes.append('The optimal-transport distance is left out: `pip install "headstart[transport]"` brings what it needs.')
    return SourceRanking(
        sources=tuple(rows),
        choice=_choice(rows),
        used=used,
        num_labeled=verdict.num_labeled,
        sentence=_sentence(rows, verdict.num_labeled),
        notes=tuple(notes),
    )


def _choice(rows: Sequence[SourceJudgment]) -> Choice:
    weights = [one.weight for one in rows if one.used]
    if not weights:
        return "none"
    if any(weight != 1.0 for weight in weights):
        return "weights"
    return "one" if len(weights) == 1 else "mixture"


def _sentence(rows: Sequence[SourceJudgment], num_labeled: int) -> str:
    used = [one for one in rows if one.used]
    basis = f"By {num_labeled} labeled target images" if num_labeled else "Without any target label"
    if not used:
        advice = "" if num_labeled else " Label some target images."
        return f"{basis}, no source is used: {rows[0].name}, the nearest: {rows[0].reason}.{advice}"
    named = " and ".join(one.name if one.weight == 1.0 else f"{one.name} (rows weigh {one.weight:g})" for one in used)
    far = used[0].proxy_a >= FAR and not num_labeled
    doubt = (
        f" Its images are told from the target's with hardly a mistake (proxy A-distance {used[0].proxy_a:.2f}), so that its "
        "labels may not carry over: 20 labeled target images would tell."
    )
    return f"{basis}, {named} {'is' if len(used) == 1 else 'are'} used: {used[0].reason}.{doubt if far else ''}"
