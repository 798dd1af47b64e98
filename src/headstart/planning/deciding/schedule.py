"""The schedule: what is tried, in which order. Cheap before costly, and nothing that has nothing left to win."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from headstart.backbones.catalog import card_of
from headstart.core.records import Migration, Record, renamed
from headstart.heads.unlabeled_pool import unlabeled_pool
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.costs import seconds_of_features, seconds_per_image
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.flip_test import flip_test
from headstart.planning.deciding.selection import accuracy_of, best_accuracy, best_closed, loss_of
from headstart.planning.deciding.trials import LAST_SHARE, Only, Trials
from headstart.planning.deciding.verdict import SMALLEST_GAIN
from headstart.planning.plan import is_gradient
from headstart.planning.ranking.ranking import Ranking
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest, cluster_assumption_test
from headstart.training.budget import scratch_training
from headstart.training.settings import Training

CHEAP_LOGISTIC = 2_000
"""Rows times classes up to which logistic regression takes a second a fold. On solar cells with 50 labels a class it is 0.9
points above ridge, on digits with 10 it is 2 below (EfficientNet-Lite0, 10 seeds): the folds decide."""
WITH_UNLABELED = ("self_training", "label_mean")
"""Closed forms that learn from unlabeled rows, the one that gains most with one label a class first."""
FEW_LABELS = 5
"""Up to so many labels a class the folds are too small to tell, and what unlabeled rows add may be the better guess. LP-FT then
loses to ridge: by 5 points on emoji, 6 on Fashion-MNIST, 14 on solar cells, 8 on digits (EfficientNet-Lite0, one seed)."""
FEWEST_TO_TRAIN = 100
"""Labeled rows from which on a network is fine-tuned. With 40 of solar cells a residual was ahead of ridge by 2 standard errors
out of fold and 6 points behind on test images; with 100 it gains 2 points (EfficientNet-Lite0)."""
FLIP_TEST_SHARE = 0.1
"""Share of the remaining budget that the flip test may take. Chosen, not measured."""
SMALL_GAP = 0.03
"""Baseline gap in accuracy under which training from scratch goes before fine-tuning. It was -4.0 points on digits with 10 labels
a class, where frozen features lose to pixels, and +3.6 on solar cells with 50 (penultimate features)."""


class Options(NamedTuple):
    """What the user asked for.

    Attributes:
        method: The only method to try for transfer; None tries all of the schedule.
        settings: Hyper-parameters of that method.
        training: Fields of `Training` to set for gradient methods.
        only: The one side that is tried; None tries both.
    """

    method: str | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    only: Only | None = None

    def recipe(self, seed: int) -> Training:
        """The usual training with the user's fields."""
        return Training.from_dict({"seed": seed, **self.training}, "--set training")

    def chosen(self, kind: str, **usual: Any) -> dict[str, Any]:
        """Settings of a method of that kind, the usual ones replaced by the user's."""
        return settings_of(method_from({"kind": kind, **usual, **self.settings}, "--set"))


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


def run_schedule(trials: Trials, ranking: Ranking, options: Options) -> None:
    """Cross-validate what is worth it, each on the shared folds, within the budget of the trials."""
    trials.chance()
    embedded = trials.task.train.images.embedded
    if not embedded:
        trials.closed_form(trials.candidate("baseline", "pixels", _ridge("penultimate")), trials.shares.baseline, must=True)
    if options.only != "scratch":
        closed_forms(trials, ranking, options)
    if embedded:
        return
    gap = best_accuracy(trials.validated, "transfer") - best_accuracy(trials.validated, "baseline")
    if trials.many or gap < SMALL_GAP or options.method is not None:
        _scratch(trials, options)
        _fine_tuned(trials, ranking, options)
    else:
        _fine_tuned(trials, ranking, options)
        _scratch(trials, options)
    if options.method is None and options.only is None:
        _ensemble(trials)


def _ensemble(trials: Trials) -> None:
    """The ensemble of the best trained candidate and the best closed form, which are wrong on different rows.

    It weighs both by their out-of-fold predictions, so that what a residual adds to ridge has the size that helps.
    """
    closed = best_so_far(trials)
    trained = [one for one in trials.validated if one.temperature is not None and one.predictions is not None]
    if closed is None or not trained or closed.candidate.max_rows is not None:
        return
    trials.ensemble(min(trained, key=lambda one: (-one.result.num_rows, loss_of(one))), closed)


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
    trials.closed_form(candidate, trials.shares.first, must=False)


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
            trials.closed_form(candidate, trials.shares.first, must=False)


def default_candidate(trials: Trials, ranking: Ranking, options: Options) -> CrossValidated:
    """What is fitted where nothing can be held out: the method asked for, else what is best with one label a class.

    That is a head that learns from unlabeled rows too, where the cluster assumption, whose test needs no held-out rows, holds,
    and ridge otherwise.
    """
    name, recipe = trial_order(trials, ranking)[0], options.recipe(trials.task.seed)
    if options.only == "scratch":
        return trials.untested(_from_scratch(trials))
    if options.method is not None:
        return trials.untested(trials.candidate("transfer", name, options.chosen(options.method), recipe))
    blocks = "penultimate" if trials.task.train.images.embedded else "stages+pixels"
    kinds = ("ridge", WITH_UNLABELED[0])
    ridge, with_unlabeled = (trials.candidate("transfer", name, options.chosen(kind, blocks=blocks)) for kind in kinds)
    found = cluster_assumption_of(trials, with_unlabeled)
    if found is None or not found.supported:
        if trials.task.unlabeled is not None:
            trials.skip(with_unlabeled, found.reason if found else "too little time for features of the unlabeled images")
        return trials.untested(ridge)
    trials.notes.append(found.reason)
    return trials.untested(with_unlabeled)


def cluster_assumption_of(trials: Trials, candidate: Candidate) -> ClusterAssumptionTest | None:
    """Whether unlabeled rows may be learned from, by a candidate's features; None without such rows or the time for them."""
    task, backbone = trials.task, trials.backbone(candidate)
    cost = seconds_of_features(backbone, task, trials.steps, candidate.method)
    if task.unlabeled is None or cost > trials.shares.first * trials.budget_seconds:
        return None

    def make(_: Path) -> ClusterAssumptionStep:
        begun = time.perf_counter()
        test = cluster_assumption_test(unlabeled_pool(task, backbone, candidate.method["blocks"], task.seed))
        return ClusterAssumptionStep(test=test, seconds=time.perf_counter() - begun)

    inputs = {"task": task.fingerprint, "backbone": backbone.weights_hash, "blocks": candidate.method["blocks"]}
    step = trials.steps.run("pool", inputs, ClusterAssumptionStep, make)
    trials.test_seconds += step.seconds
    return step.test


def _ridge(blocks: str) -> dict[str, Any]:
    return settings_of(method_from({"kind": "ridge", "blocks": blocks}))


def closed_forms(trials: Trials, ranking: Ranking, options: Options) -> None:
    """Cross-validate the heads on frozen features; those that learn from sources, and from unlabeled rows, last."""
    _supervised(trials, ranking, options)
    _with_sources(trials, options)
    _with_unlabeled(trials, options)


def _supervised(trials: Trials, ranking: Ranking, options: Options) -> None:
    task, shares = trials.task, trials.shares
    if options.method is not None:
        chosen = options.chosen(options.method)
        for name in () if is_gradient(chosen) else ranking.chosen:
            trials.closed_form(trials.candidate("transfer", name, chosen), shares.first, must=True)
        return
    names, embedded = trial_order(trials, ranking), task.train.images.embedded
    for index, name in enumerate(names):
        share = shares.first if index == 0 else shares.other
        for blocks in ("penultimate",) if embedded else ("penultimate", "stages+pixels"):
            trials.closed_form(trials.candidate("transfer", name, _ridge(blocks)), share, must=index == 0)
    if embedded:
        return
    baseline = trials.candidate("baseline", names[0], _ridge("stages"))
    if trials.many:
        trials.skip(baseline, "with this many rows its features cost more than they tell; the ranking has it on fewer")
    else:
        trials.closed_form(baseline, shares.baseline, must=True)
    best = best_so_far(trials)
    if best is None:
        return
    pretrained = best.candidate.pretrained
    if len(task.labeled) * task.num_classes <= CHEAP_LOGISTIC:
        logistic = settings_of(method_from({"kind": "logistic", "blocks": "stages+pixels"}))
        trials.closed_form(trials.candidate("transfer", pretrained, logistic), shares.other, must=False)
    own = card_of(pretrained).input_pixels
    if own > best.candidate.input_pixels:
        finer = trials.candidate("transfer", pretrained, _ridge("stages+pixels"), pixels=own)
        trials.closed_form(finer, shares.first, must=False)


def trial_order(trials: Trials, ranking: Ranking) -> list[str]:
    """The shortlist in the order of trial: as ranked; the cheapest first where the ranking cannot tell."""
    if not ranking.distinguishable:
        return sorted(ranking.chosen, key=lambda name: card_of(name).num_parameters or 0)
    return list(ranking.chosen)


def _scratch(trials: Trials, options: Options) -> None:
    if options.only != "transfer":
        trials.gradient(_from_scratch(trials), LAST_SHARE if options.only else None)


def _from_scratch(trials: Trials) -> Candidate:
    task = trials.task
    probe = trials.candidate("scratch", "small_cnn", settings_of(method_from({"kind": "fine_tune"})))
    num_rows = len(task.folds[0].fit) if task.folds else len(task.labeled)
    return probe.model_copy(update={"training": scratch_training(num_rows, probe.input_pixels, task.seed)})


def _fine_tuned(trials: Trials, ranking: Ranking, options: Options) -> None:
    chosen = options.chosen(options.method) if options.method else options.chosen("residual", shrinkage=1.0)
    if options.only == "scratch" or not is_gradient(chosen):
        return
    recipe = options.recipe(trials.task.seed)
    best = best_so_far(trials)
    candidate = trials.candidate("transfer", best.candidate.pretrained if best else ranking.chosen[0], chosen, recipe)
    if options.method is not None:
        trials.gradient(_flip_tested(trials, candidate, options), LAST_SHARE)
        return
    hopeless = _why_not_fine_tuned(trials, best)
    if hopeless:
        trials.skip(candidate, hopeless)
        return
    candidate = _flip_tested(trials, candidate, options)
    if trials.gradient(candidate, LAST_SHARE).predictions is not None:  # crops help on most sets, and hide defects of solar cells
        trials.gradient(candidate.model_copy(update={"method": {**candidate.method, "view": "plain"}}), LAST_SHARE)


def _why_not_fine_tuned(trials: Trials, best: CrossValidated | None) -> str:
    """Why fine-tuning cannot be shown to help; empty where it may."""
    if best and best.result.accuracy and 1 - accuracy_of(best) < SMALLEST_GAIN:
        return f"{best.result.name} errs on {1 - accuracy_of(best):.1%} only: no point left to win"
    if few_labels(trials):
        return f"with {FEW_LABELS} labels a class or fewer it lost to ridge on every set that was measured"
    if len(trials.task.labeled) < FEWEST_TO_TRAIN:
        return f"with fewer than {FEWEST_TO_TRAIN} labels held-out rows cannot tell whether it helps"
    return ""


def _flip_tested(trials: Trials, candidate: Candidate, options: Options) -> Candidate:
    """The candidate, trained on flipped pictures too where the flip test says that this helps and the user did not set it."""
    if "flip" not in candidate.method or "flip" in options.settings:
        return candidate
    backbone = trials.backbone(candidate)
    cost = seconds_per_image(backbone, trials.task, trials.steps) * len(trials.task.labeled)
    cost += seconds_of_features(backbone, trials.task, trials.steps)
    if cost > FLIP_TEST_SHARE * trials.remaining_seconds:
        return candidate
    found = flip_test(trials.task, candidate, backbone, trials.steps)
    trials.notes.append(str(found))
    trials.test_seconds += found.seconds
    return candidate.model_copy(update={"method": {**candidate.method, "flip": found.helps}})
