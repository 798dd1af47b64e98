"""Closed forms: the heads on frozen features that are tried, in which order."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from headstart.backbones.catalog import card_of
from headstart.core.records import Migration, Record, renamed
from headstart.core.stopping import StoppedError
from headstart.heads.unlabeled_pool import unlabeled_pool
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.selection import best_closed
from headstart.planning.deciding.trials import Trials
from headstart.planning.plan import is_gradient
from headstart.planning.ranking.ranking import Ranking
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest, cluster_assumption_test

CHEAP_LOGISTIC = 2_000
"""Rows times classes up to which logistic regression takes a second a fold. On solar cells with 50 labels a class it is 0.9
points above ridge, on digits with 10 it is 2 below (EfficientNet-Lite0, 10 seeds): the folds decide."""
WITH_UNLABELED = ("self_training", "label_mean")
"""Closed forms that learn from unlabeled rows, the one that gains most with one label a class first."""
FEW_LABELS = 5
"""Up to so many labels a class the folds are too small to tell, and what unlabeled rows add may be the better guess. LP-FT then
loses to ridge: by 5 points on emoji, 6 on Fashion-MNIST, 14 on solar cells, 8 on digits (EfficientNet-Lite0, one seed)."""


class ClusterAssumptionStep(Record):
    """Whether unlabeled rows may be learned from, and the seconds that the test took."""

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("support", "test"),)
    test: ClusterAssumptionTest
    seconds: float


def few_labels(trials: Trials) -> bool:
    """Whether no class has enough labels for its folds to tell much."""
    return int(trials.task.labeled.class_counts.max()) <= FEW_LABELS


def trusts_unlabeled(trials: Trials) -> bool:
    """Whether what learns from unlabeled rows needs no proof: labels are few, and the cluster assumption holds."""
    return few_labels(trials) and trials.cluster_assumption is not None and trials.cluster_assumption.supported


def best_so_far(trials: Trials) -> CrossValidated | None:
    """The closed form to transfer with, of those tried so far."""
    return best_closed(trials.validated, trusts_unlabeled(trials))


def closed_forms(trials: Trials, ranking: Ranking, options: Options) -> None:
    """Cross-validate the heads on frozen features; those that learn from sources, and from unlabeled rows, last."""
    _supervised(trials, ranking, options)
    _with_sources(trials, options)
    _with_unlabeled(trials, options)


def _supervised(trials: Trials, ranking: Ranking, options: Options) -> None:
    task = trials.task
    if options.method is not None:
        chosen = options.chosen(options.method)
        for name in () if is_gradient(chosen) else ranking.chosen:
            trials.closed_form(trials.candidate("transfer", name, chosen), must=True)
        return
    names, embedded = trial_order(trials, ranking), task.train.images.embedded
    for index, name in enumerate(names):
        for blocks in ("penultimate",) if embedded else ("penultimate", "stages+pixels"):
            trials.closed_form(trials.candidate("transfer", name, ridge_on(blocks)), must=index == 0)
    if embedded:
        return
    baseline = trials.candidate("baseline", names[0], ridge_on("stages"))
    if trials.many:
        trials.skip(baseline, "with this many rows its features cost more than they tell; the ranking has it on fewer")
    else:
        trials.closed_form(baseline, must=True)
    best = best_so_far(trials)
    if best is None:
        return
    pretrained = best.candidate.pretrained
    if len(task.labeled) * task.num_classes <= CHEAP_LOGISTIC:
        logistic = settings_of(method_from({"kind": "logistic", "blocks": "stages+pixels"}))
        trials.closed_form(trials.candidate("transfer", pretrained, logistic))
    own = card_of(pretrained).input_pixels
    if own > best.candidate.input_pixels:
        finer = trials.candidate("transfer", pretrained, ridge_on("stages+pixels"), pixels=own)
        trials.closed_form(finer)


def trial_order(trials: Trials, ranking: Ranking) -> list[str]:
    """The shortlist in the order of trial: as ranked; the cheapest first where the ranking cannot tell."""
    if not ranking.distinguishable:
        return sorted(ranking.chosen, key=lambda name: card_of(name).num_parameters or 0)
    return list(ranking.chosen)


def _like(trials: Trials, best: CrossValidated, **method: Any) -> Candidate:
    """A head with other settings on the features of the best one."""
    own, settings = best.candidate, {"blocks": best.candidate.method["blocks"], **method}
    return trials.candidate("transfer", own.pretrained, settings_of(method_from(settings)), pixels=own.input_pixels)


def _with_sources(trials: Trials, options: Options) -> None:
    """A head that learns from the sources that were found to help, on the features of the best head without them."""
    best = best_so_far(trials)
    if options.method is not None or not trials.source_weights or best is None:
        return
    candidate = _like(trials, best, kind="joint_ridge", source_weights=trials.source_weights)
    trials.closed_form(candidate)


def _with_unlabeled(trials: Trials, options: Options) -> None:
    """Heads that learn from unlabeled rows too, on the features of the best head without them; skipped if these differ."""
    best = best_so_far(trials)
    if options.method is not None or trials.task.unlabeled is None or best is None:
        return
    candidates = [_like(trials, best, kind=kind) for kind in WITH_UNLABELED]
    found = trials.cluster_assumption = cluster_assumption_of(trials, candidates[0])
    for candidate in candidates:
        if found and found.neighbor_test.differs:
            trials.skip(candidate, found.reason)
        else:
            trials.closed_form(candidate)


def cluster_assumption_of(trials: Trials, candidate: Candidate) -> ClusterAssumptionTest | None:
    """Whether unlabeled rows may be learned from, by a candidate's features; None without such rows or the time for them."""
    task, backbone = trials.task, trials.backbone(candidate)
    if task.unlabeled is None or trials.price_of_features(candidate) > trials.remaining_seconds:
        return None

    def make(_: Path) -> ClusterAssumptionStep:
        begun = time.perf_counter()
        test = cluster_assumption_test(unlabeled_pool(task, backbone, candidate.method["blocks"], task.seed))
        return ClusterAssumptionStep(test=test, seconds=time.perf_counter() - begun)

    inputs = {"task": task.fingerprint, "backbone": backbone.weights_hash, "blocks": candidate.method["blocks"]}
    try:
        return trials.steps.run("pool", inputs, ClusterAssumptionStep, make).test
    except StoppedError:
        return None


def ridge_on(blocks: str) -> dict[str, Any]:
    """The settings of ridge on those blocks."""
    return settings_of(method_from({"kind": "ridge", "blocks": blocks}))
