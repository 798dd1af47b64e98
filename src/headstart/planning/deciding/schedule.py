"""What is tried, in which order: cheap before costly, and nothing that has nothing left to win."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from headstart.backbones.catalog import card_of
from headstart.core.records import Record
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
WITH_POOL = ("self_training", "label_mean")
"""Closed forms that learn from unlabeled rows, the one that gains most with one label a class first."""
FEW_LABELS = 5
"""Up to so many labels a class the folds are too small to tell, and what unlabeled rows add may be the better guess. LP-FT then
loses to ridge: by 5 points on emoji, 6 on Fashion-MNIST, 14 on solar cells, 8 on digits (EfficientNet-Lite0, one seed)."""
FEWEST_TO_TRAIN = 100
"""Labeled rows from which on a network is fine-tuned. With 40 of solar cells a residual was ahead of ridge by 2 standard errors
out of fold and 6 points behind on test images; with 100 it gains 2 points (EfficientNet-Lite0)."""
MIRRORING_SHARE = 0.1
"""Of what is left, for asking whether pictures may be mirrored."""
SMALL_GAP = 0.03
"""Canary gap under which training from scratch goes before fine-tuning."""


class Options(NamedTuple):
    """What the user asked for.

    Attributes:
        method: The only method to try for transfer; None tries the ladder.
        settings: Hyper-parameters of that method.
        training: Fields of `Training` to set for gradient methods.
        only: The one side that is tried; None tries both.
    """

    method: str | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    only: Only | None = None

    def recipe(self, seed: int) -> Training:
        """The usual training with the wished fields."""
        return Training.from_dict({"seed": seed, **self.training}, "--set training")

    def chosen(self, kind: str, **usual: Any) -> dict[str, Any]:
        """Settings of a method of that kind, the usual ones replaced by what is wished."""
        return settings_of(method_from({"kind": kind, **usual, **self.settings}, "--set"))


class ClusterAssumptionStep(Record):
    """Whether labels may spread along the unlabeled rows, and the seconds that it took to see."""

    support: ClusterAssumptionTest
    seconds: float


def few_labels(ladder: Trials) -> bool:
    """Whether no class has enough labels for its folds to tell much."""
    return int(ladder.task.labeled.class_counts.max()) <= FEW_LABELS


def trusts_pool(ladder: Trials) -> bool:
    """Whether what learns from unlabeled rows needs no proof: labels are few, and keep to their classes among such rows."""
    return few_labels(ladder) and ladder.support is not None and ladder.support.supported


def run_schedule(ladder: Trials, ranking: Ranking, wishes: Options) -> None:
    """Judge what is worth judging, each on the shared folds, within the ladder's budget."""
    ladder.chance()
    embedded = ladder.task.train.images.embedded
    if not embedded:
        ladder.closed_form(ladder.candidate("canary", "pixels", _ridge("penultimate")), ladder.shares.canary, must=True)
    if wishes.only != "scratch":
        closed_forms(ladder, ranking, wishes)
    if embedded:
        return
    if ladder.many or _gap(ladder) < SMALL_GAP or wishes.method is not None:
        _scratch(ladder, wishes)
        _fine_tuned(ladder, ranking, wishes)
    else:
        _fine_tuned(ladder, ranking, wishes)
        _scratch(ladder, wishes)
    if wishes.method is None and wishes.only is None:
        _together(ladder)


def _together(ladder: Trials) -> None:
    """The mean of the best that was trained and the best closed form, which err on different rows.

    It weighs both as their out-of-fold predictions ask for, so that what a residual adds to ridge has the size that helps.
    """
    closed = best_closed(ladder.judged, trusts_pool(ladder))
    trained = [one for one in ladder.judged if one.temperature is not None and one.predictions is not None]
    if closed is None or not trained or closed.candidate.max_rows is not None:
        return
    ladder.together(min(trained, key=lambda one: (-one.rung.num_rows, loss_of(one))), closed)


def _with_sources(ladder: Trials, wishes: Options) -> None:
    """A head that learns from the sources that were found to help, on what the best head without them sees."""
    best = best_closed(ladder.judged, trusts_pool(ladder))
    if wishes.method is not None or not ladder.source_weights or best is None:
        return
    settings = {"kind": "joint_ridge", "source_weights": ladder.source_weights, "blocks": best.candidate.method["blocks"]}
    seen = best.candidate
    candidate = ladder.candidate("transfer", seen.pretrained, settings_of(method_from(settings)), pixels=seen.input_pixels)
    ladder.closed_form(candidate, ladder.shares.first, must=False)


def _with_pool(ladder: Trials, wishes: Options) -> None:
    """Heads that learn from unlabeled rows too, on what the best head without them sees; none on rows of another kind."""
    best = best_closed(ladder.judged, trusts_pool(ladder))
    if wishes.method is not None or ladder.task.unlabeled is None or best is None:
        return
    seen = best.candidate
    settings = [settings_of(method_from({"kind": kind, "blocks": seen.method["blocks"]})) for kind in WITH_POOL]
    candidates = [ladder.candidate("transfer", seen.pretrained, one, pixels=seen.input_pixels) for one in settings]
    ladder.support = cluster_assumption_of(ladder, candidates[0])
    for candidate in candidates:
        if ladder.support and ladder.support.kinship.differs:
            ladder.skip(candidate, ladder.support.reason)
        else:
            ladder.closed_form(candidate, ladder.shares.first, must=False)


def default_candidate(ladder: Trials, ranking: Ranking, wishes: Options) -> CrossValidated:
    """What is fitted where nothing can be held out: the method asked for, else what is best with one label a class.

    That is a head that learns from unlabeled rows too, where a test that needs no held-out rows says that labels may spread along
    them, and ridge otherwise.
    """
    name, recipe = trial_order(ladder, ranking)[0], wishes.recipe(ladder.task.seed)
    if wishes.only == "scratch":
        return ladder.unjudged(_from_scratch(ladder))
    if wishes.method is not None:
        return ladder.unjudged(ladder.candidate("transfer", name, wishes.chosen(wishes.method), recipe))
    blocks = "penultimate" if ladder.task.train.images.embedded else "stages+pixels"
    ridge, pooled = (ladder.candidate("transfer", name, wishes.chosen(kind, blocks=blocks)) for kind in ("ridge", WITH_POOL[0]))
    support = cluster_assumption_of(ladder, pooled)
    if support is None or not support.supported:
        if ladder.task.unlabeled is not None:
            ladder.skip(pooled, support.reason if support else "too little time for features of the unlabeled images")
        return ladder.unjudged(ridge)
    ladder.notes.append(support.reason)
    return ladder.unjudged(pooled)


def cluster_assumption_of(ladder: Trials, candidate: Candidate) -> ClusterAssumptionTest | None:
    """Whether labels may spread along the unlabeled rows as a candidate sees them; None without such rows or the time to look."""
    task, backbone = ladder.task, ladder.backbone(candidate)
    price = seconds_of_features(backbone, task, ladder.steps, candidate.method)
    if task.unlabeled is None or price > ladder.shares.first * ladder.budget_seconds:
        return None

    def make(_: Path) -> ClusterAssumptionStep:
        begun = time.perf_counter()
        support = cluster_assumption_test(unlabeled_pool(task, backbone, candidate.method["blocks"], task.seed))
        return ClusterAssumptionStep(support=support, seconds=time.perf_counter() - begun)

    inputs = {"task": task.fingerprint, "backbone": backbone.weights_hash, "blocks": candidate.method["blocks"]}
    looked = ladder.steps.run("pool", inputs, ClusterAssumptionStep, make)
    ladder.beside_seconds += looked.seconds
    return looked.support


def _ridge(blocks: str) -> dict[str, Any]:
    return settings_of(method_from({"kind": "ridge", "blocks": blocks}))


def closed_forms(ladder: Trials, ranking: Ranking, wishes: Options) -> None:
    """Judge the heads on frozen features, those that learn from sources, and from unlabeled rows, last."""
    _supervised(ladder, ranking, wishes)
    _with_sources(ladder, wishes)
    _with_pool(ladder, wishes)


def _supervised(ladder: Trials, ranking: Ranking, wishes: Options) -> None:
    if wishes.method is not None:
        if METHODS.get(wishes.method).cost == "closed form":
            chosen = wishes.chosen(wishes.method)
            for name in ranking.chosen:
                ladder.closed_form(ladder.candidate("transfer", name, chosen), ladder.shares.first, must=True)
        return
    for index, name in enumerate(trial_order(ladder, ranking)):
        share = ladder.shares.first if index == 0 else ladder.shares.other
        for blocks in ("penultimate",) if ladder.task.train.images.embedded else ("penultimate", "stages+pixels"):
            ladder.closed_form(ladder.candidate("transfer", name, _ridge(blocks)), share, must=index == 0)
    if ladder.task.train.images.embedded:
        return
    canary = ladder.candidate("canary", trial_order(ladder, ranking)[0], _ridge("stages"))
    if ladder.many:
        ladder.skip(canary, "with this many rows its features cost more than they tell; the ranking has it on fewer")
    else:
        ladder.closed_form(canary, ladder.shares.canary, must=True)
    best = best_closed(ladder.judged, trusts_pool(ladder))
    if best and len(ladder.task.labeled) * ladder.task.num_classes <= CHEAP_LOGISTIC:
        logistic = settings_of(method_from({"kind": "logistic", "blocks": "stages+pixels"}))
        ladder.closed_form(ladder.candidate("transfer", best.candidate.pretrained, logistic), ladder.shares.other, must=False)
    own = card_of(best.candidate.pretrained).input_pixels if best else 0
    if best and own > best.candidate.input_pixels:
        finer = ladder.candidate("transfer", best.candidate.pretrained, _ridge("stages+pixels"), pixels=own)
        ladder.closed_form(finer, ladder.shares.first, must=False)


def trial_order(ladder: Trials, ranking: Ranking) -> list[str]:
    """The shortlist in the order of trial: as ranked; the cheapest first where the ranking cannot tell."""
    if not ranking.distinguishable:
        return sorted(ranking.chosen, key=lambda name: card_of(name).num_parameters or 0)
    return list(ranking.chosen)


def _gap(ladder: Trials) -> float:
    """How far the best closed form that transfers is above the best canary, in accuracy."""
    best = {
        family: max(
            (one.rung.accuracy.value for one in ladder.judged if one.rung.family == family and one.rung.accuracy), default=0
        )
        for family in ("transfer", "canary")
    }
    return best["transfer"] - best["canary"]


def _scratch(ladder: Trials, wishes: Options) -> None:
    if wishes.only == "transfer":
        return
    ladder.gradient(_from_scratch(ladder), ALL_SHARE if wishes.only else None)


def _from_scratch(ladder: Trials) -> Candidate:
    task = ladder.task
    probe = ladder.candidate("scratch", "small_cnn", settings_of(method_from({"kind": "fine_tune"})))
    num_rows = len(task.folds[0].fit) if task.folds else len(task.labeled)
    recipe = scratch_training(num_rows, probe.input_pixels).model_copy(update={"seed": task.seed})
    return probe.model_copy(update={"training": recipe})


def _fine_tuned(ladder: Trials, ranking: Ranking, wishes: Options) -> None:
    method = wishes.method
    if wishes.only == "scratch" or (method and METHODS.get(method).cost != "gradient"):
        return
    chosen = wishes.chosen(method) if method else wishes.chosen("residual", shrinkage=1.0)
    recipe = wishes.recipe(ladder.task.seed)
    best = best_closed(ladder.judged, trusts_pool(ladder))
    candidate = ladder.candidate("transfer", best.candidate.pretrained if best else ranking.chosen[0], chosen, recipe)
    if method is None and best and best.rung.accuracy and 1 - best.rung.accuracy.value < HARD_ENOUGH:
        ladder.skip(candidate, f"{best.rung.name} errs on {1 - best.rung.accuracy.value:.1%} only: no point left to win")
        return
    if method is None and few_labels(ladder):
        ladder.skip(candidate, f"with {FEW_LABELS} labels a class or fewer it lost to ridge on every set that was measured")
        return
    if method is None and len(ladder.task.labeled) < FEWEST_TO_TRAIN:
        ladder.skip(candidate, f"with fewer than {FEWEST_TO_TRAIN} labels held-out rows cannot tell whether it helps")
        return
    tried = _mirrored(ladder, candidate, wishes)
    judged = ladder.gradient(tried, ALL_SHARE)
    if method is None and judged.predictions is not None:  # crops help on most sets, and hide the defects of solar cells
        ladder.gradient(tried.model_copy(update={"method": {**tried.method, "view": "plain"}}), ALL_SHARE)


def _mirrored(ladder: Trials, candidate: Candidate, wishes: Options) -> Candidate:
    """The candidate, trained on mirrored pictures too where held-out rows say that this helps and nobody said otherwise."""
    if "flip" not in candidate.method or "flip" in wishes.settings:
        return candidate
    backbone = ladder.backbone(candidate)
    price = seconds_per_image(backbone, ladder.task, ladder.steps) * len(ladder.task.labeled)
    price += seconds_of_features(backbone, ladder.task, ladder.steps)
    if price > MIRRORING_SHARE * ladder.remaining_seconds:
        return candidate
    found = flip_test(ladder.task, candidate, backbone, ladder.steps)
    ladder.notes.append(str(found))
    ladder.beside_seconds += found.seconds
    return candidate.model_copy(update={"method": {**candidate.method, "flip": found.helps}})
