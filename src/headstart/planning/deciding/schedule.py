"""What is tried, in which order: cheap before costly, and nothing that has nothing left to win."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from headstart.backbones.catalog import card_of
from headstart.core.records import Migration, Record, renamed
from headstart.heads.unlabeled_pool import unlabeled_pool
from headstart.methods import METHODS, method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.costs import seconds_of_features, seconds_per_image
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.flip_test import flip_test
from headstart.planning.deciding.selection import best_closed, loss_of
from headstart.planning.deciding.trials import ALL_SHARE, Only, Trials
from headstart.planning.ranking.ranking import Ranking
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest, cluster_assumption_test
from headstart.training.budget import scratch_training
from headstart.training.settings import Training

HARD_ENOUGH = 0.01
"""Below this out-of-fold error a costlier transfer candidate has nothing left to win."""
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
"""Of what is left, for asking whether pictures may be mirrored."""
SMALL_GAP = 0.03
"""Baseline gap under which training from scratch goes before fine-tuning."""


class Options(NamedTuple):
    """What the user asked for.

    Attributes:
        method: The only method to try for transfer; None tries the trials.
        settings: Hyper-parameters of that method.
        training: Fields of `Training` to set for gradient methods.
        only: The one side that is tried; None tries both.
    """

    method: str | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    only: Only | None = None

    def recipe(self, seed: int) -> Training:
        """The usual training with the restricted fields."""
        return Training.from_dict({"seed": seed, **self.training}, "--set training")

    def chosen(self, kind: str, **usual: Any) -> dict[str, Any]:
        """Settings of a method of that kind, the usual ones replaced by what is restricted."""
        return settings_of(method_from({"kind": kind, **usual, **self.settings}, "--set"))


class ClusterAssumptionStep(Record):
    """Whether labels may spread along the unlabeled rows, and the seconds that it took to see."""

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("support", "test"),)
    test: ClusterAssumptionTest
    seconds: float


def few_labels(trials: Trials) -> bool:
    """Whether no class has enough labels for its folds to tell much."""
    return int(trials.task.labeled.class_counts.max()) <= FEW_LABELS


def trusts_unlabeled(trials: Trials) -> bool:
    """Whether what learns from unlabeled rows needs no proof: labels are few, and keep to their classes among such rows."""
    return few_labels(trials) and trials.cluster_assumption is not None and trials.cluster_assumption.supported


def run_schedule(trials: Trials, ranking: Ranking, options: Options) -> None:
    """Judge what is worth judging, each on the shared folds, within the trials's budget."""
    trials.chance()
    embedded = trials.task.train.images.embedded
    if not embedded:
        trials.closed_form(trials.candidate("baseline", "pixels", _ridge("penultimate")), trials.shares.baseline, must=True)
    if options.only != "scratch":
        closed_forms(trials, ranking, options)
    if embedded:
        return
    if trials.many or _gap(trials) < SMALL_GAP or options.method is not None:
        _scratch(trials, options)
        _fine_tuned(trials, ranking, options)
    else:
        _fine_tuned(trials, ranking, options)
        _scratch(trials, options)
    if options.method is None and options.only is None:
        _together(trials)


def _together(trials: Trials) -> None:
    """The mean of the best that was trained and the best closed form, which err on different rows.

    It weighs both as their out-of-fold predictions ask for, so that what a residual adds to ridge has the size that helps.
    """
    closed = best_closed(trials.validated, trusts_unlabeled(trials))
    trained = [one for one in trials.validated if one.temperature is not None and one.predictions is not None]
    if closed is None or not trained or closed.candidate.max_rows is not None:
        return
    trials.together(min(trained, key=lambda one: (-one.result.num_rows, loss_of(one))), closed)


def _with_sources(trials: Trials, options: Options) -> None:
    """A head that learns from the sources that were found to help, on what the best head without them sees."""
    best = best_closed(trials.validated, trusts_unlabeled(trials))
    if options.method is not None or not trials.source_weights or best is None:
        return
    settings = {"kind": "joint_ridge", "source_weights": trials.source_weights, "blocks": best.candidate.method["blocks"]}
    seen = best.candidate
    candidate = trials.candidate("transfer", seen.pretrained, settings_of(method_from(settings)), pixels=seen.input_pixels)
    trials.closed_form(candidate, trials.shares.first, must=False)


def _with_unlabeled(trials: Trials, options: Options) -> None:
    """Heads that learn from unlabeled rows too, on what the best head without them sees; none on rows of another kind."""
    best = best_closed(trials.validated, trusts_unlabeled(trials))
    if options.method is not None or trials.task.unlabeled is None or best is None:
        return
    seen = best.candidate
    settings = [settings_of(method_from({"kind": kind, "blocks": seen.method["blocks"]})) for kind in WITH_UNLABELED]
    candidates = [trials.candidate("transfer", seen.pretrained, one, pixels=seen.input_pixels) for one in settings]
    trials.cluster_assumption = cluster_assumption_of(trials, candidates[0])
    for candidate in candidates:
        if trials.cluster_assumption and trials.cluster_assumption.kinship.differs:
            trials.skip(candidate, trials.cluster_assumption.reason)
        else:
            trials.closed_form(candidate, trials.shares.first, must=False)


def default_candidate(trials: Trials, ranking: Ranking, options: Options) -> CrossValidated:
    """What is fitted where nothing can be held out: the method asked for, else what is best with one label a class.

    That is a head that learns from unlabeled rows too, where a test that needs no held-out rows says that labels may spread along
    them, and ridge otherwise.
    """
    name, recipe = trial_order(trials, ranking)[0], options.recipe(trials.task.seed)
    if options.only == "scratch":
        return trials.untested(_from_scratch(trials))
    if options.method is not None:
        return trials.untested(trials.candidate("transfer", name, options.chosen(options.method), recipe))
    blocks = "penultimate" if trials.task.train.images.embedded else "stages+pixels"
    ridge, pooled = (
        trials.candidate("transfer", name, options.chosen(kind, blocks=blocks)) for kind in ("ridge", WITH_UNLABELED[0])
    )
    support = cluster_assumption_of(trials, pooled)
    if support is None or not support.supported:
        if trials.task.unlabeled is not None:
            trials.skip(pooled, support.reason if support else "too little time for features of the unlabeled images")
        return trials.untested(ridge)
    trials.notes.append(support.reason)
    return trials.untested(pooled)


def cluster_assumption_of(trials: Trials, candidate: Candidate) -> ClusterAssumptionTest | None:
    """Whether labels may spread along the unlabeled rows as a candidate sees them; None without such rows or the time to look."""
    task, backbone = trials.task, trials.backbone(candidate)
    price = seconds_of_features(backbone, task, trials.steps, candidate.method)
    if task.unlabeled is None or price > trials.shares.first * trials.budget_seconds:
        return None

    def make(_: Path) -> ClusterAssumptionStep:
        begun = time.perf_counter()
        support = cluster_assumption_test(unlabeled_pool(task, backbone, candidate.method["blocks"], task.seed))
        return ClusterAssumptionStep(test=support, seconds=time.perf_counter() - begun)

    inputs = {"task": task.fingerprint, "backbone": backbone.weights_hash, "blocks": candidate.method["blocks"]}
    step = trials.steps.run("pool", inputs, ClusterAssumptionStep, make)
    trials.test_seconds += step.seconds
    return step.test


def _ridge(blocks: str) -> dict[str, Any]:
    return settings_of(method_from({"kind": "ridge", "blocks": blocks}))


def closed_forms(trials: Trials, ranking: Ranking, options: Options) -> None:
    """Judge the heads on frozen features, those that learn from sources, and from unlabeled rows, last."""
    _supervised(trials, ranking, options)
    _with_sources(trials, options)
    _with_unlabeled(trials, options)


def _supervised(trials: Trials, ranking: Ranking, options: Options) -> None:
    if options.method is not None:
        if METHODS.get(options.method).cost == "closed form":
            chosen = options.chosen(options.method)
            for name in ranking.chosen:
                trials.closed_form(trials.candidate("transfer", name, chosen), trials.shares.first, must=True)
        return
    for index, name in enumerate(trial_order(trials, ranking)):
        share = trials.shares.first if index == 0 else trials.shares.other
        for blocks in ("penultimate",) if trials.task.train.images.embedded else ("penultimate", "stages+pixels"):
            trials.closed_form(trials.candidate("transfer", name, _ridge(blocks)), share, must=index == 0)
    if trials.task.train.images.embedded:
        return
    baseline = trials.candidate("baseline", trial_order(trials, ranking)[0], _ridge("stages"))
    if trials.many:
        trials.skip(baseline, "with this many rows its features cost more than they tell; the ranking has it on fewer")
    else:
        trials.closed_form(baseline, trials.shares.baseline, must=True)
    best = best_closed(trials.validated, trusts_unlabeled(trials))
    if best and len(trials.task.labeled) * trials.task.num_classes <= CHEAP_LOGISTIC:
        logistic = settings_of(method_from({"kind": "logistic", "blocks": "stages+pixels"}))
        trials.closed_form(trials.candidate("transfer", best.candidate.pretrained, logistic), trials.shares.other, must=False)
    own = card_of(best.candidate.pretrained).input_pixels if best else 0
    if best and own > best.candidate.input_pixels:
        finer = trials.candidate("transfer", best.candidate.pretrained, _ridge("stages+pixels"), pixels=own)
        trials.closed_form(finer, trials.shares.first, must=False)


def trial_order(trials: Trials, ranking: Ranking) -> list[str]:
    """The shortlist in the order of trial: as ranked; the cheapest first where the ranking cannot tell."""
    if not ranking.distinguishable:
        return sorted(ranking.chosen, key=lambda name: card_of(name).num_parameters or 0)
    return list(ranking.chosen)


def _gap(trials: Trials) -> float:
    """How far the best closed form that transfers is above the best baseline, in accuracy."""
    best = {
        family: max(
            (one.result.accuracy.value for one in trials.validated if one.result.family == family and one.result.accuracy),
            default=0,
        )
        for family in ("transfer", "baseline")
    }
    return best["transfer"] - best["baseline"]


def _scratch(trials: Trials, options: Options) -> None:
    if options.only == "transfer":
        return
    trials.gradient(_from_scratch(trials), ALL_SHARE if options.only else None)


def _from_scratch(trials: Trials) -> Candidate:
    task = trials.task
    probe = trials.candidate("scratch", "small_cnn", settings_of(method_from({"kind": "fine_tune"})))
    num_rows = len(task.folds[0].fit) if task.folds else len(task.labeled)
    recipe = scratch_training(num_rows, probe.input_pixels).model_copy(update={"seed": task.seed})
    return probe.model_copy(update={"training": recipe})


def _fine_tuned(trials: Trials, ranking: Ranking, options: Options) -> None:
    method = options.method
    if options.only == "scratch" or (method and METHODS.get(method).cost != "gradient"):
        return
    chosen = options.chosen(method) if method else options.chosen("residual", shrinkage=1.0)
    recipe = options.recipe(trials.task.seed)
    best = best_closed(trials.validated, trusts_unlabeled(trials))
    candidate = trials.candidate("transfer", best.candidate.pretrained if best else ranking.chosen[0], chosen, recipe)
    if method is None and best and best.result.accuracy and 1 - best.result.accuracy.value < HARD_ENOUGH:
        trials.skip(candidate, f"{best.result.name} errs on {1 - best.result.accuracy.value:.1%} only: no point left to win")
        return
    if method is None and few_labels(trials):
        trials.skip(candidate, f"with {FEW_LABELS} labels a class or fewer it lost to ridge on every set that was measured")
        return
    if method is None and len(trials.task.labeled) < FEWEST_TO_TRAIN:
        trials.skip(candidate, f"with fewer than {FEWEST_TO_TRAIN} labels held-out rows cannot tell whether it helps")
        return
    tried = _flip_tested(trials, candidate, options)
    validated = trials.gradient(tried, ALL_SHARE)
    if method is None and validated.predictions is not None:  # crops help on most sets, and hide the defects of solar cells
        trials.gradient(tried.model_copy(update={"method": {**tried.method, "view": "plain"}}), ALL_SHARE)


def _flip_tested(trials: Trials, candidate: Candidate, options: Options) -> Candidate:
    """The candidate, trained on mirrored pictures too where held-out rows say that this helps and nobody said otherwise."""
    if "flip" not in candidate.method or "flip" in options.settings:
        return candidate
    backbone = trials.backbone(candidate)
    price = seconds_per_image(backbone, trials.task, trials.steps) * len(trials.task.labeled)
    price += seconds_of_features(backbone, trials.task, trials.steps)
    if price > FLIP_TEST_SHARE * trials.remaining_seconds:
        return candidate
    found = flip_test(trials.task, candidate, backbone, trials.steps)
    trials.notes.append(str(found))
    trials.test_seconds += found.seconds
    return candidate.model_copy(update={"method": {**candidate.method, "flip": found.helps}})
