"""Closed forms: the heads on frozen features that are tried, in which order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from headstart.backbones.catalog import card_of
from headstart.core.records import Migration, Record, renamed
from headstart.core.stopping import StoppedError
from headstart.features.extract import seconds_an_image
from headstart.heads.unlabeled_pool import unlabeled_pool
from headstart.methods import method_from
from headstart.methods.base import settings_of
from headstart.planning.candidate import Candidate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.flip_test import flip_test, num_flipped
from headstart.planning.deciding.options import Options
from headstart.planning.deciding.selection import best_closed
from headstart.planning.deciding.trials import Trials
from headstart.planning.plan import is_gradient
from headstart.planning.ranking.ranking import Ranking
from headstart.shift.tests.cluster_assumption import ClusterAssumptionTest, cluster_assumption_test

PICTURE_HEADS = (("ridge", "stages+pixels"), ("kernel_ridge", "stages+pixels"), ("ridge", "penultimate"))
"""Heads on a network's features, the default first. The mean of the first over the networks gains 0.9 points on that of the first
network alone, weights over all three and raw pixels gain 1.0, most on emoji (`benchmarks.opinion_pools`)."""
MORE_HEADS_ROWS = 700
"""Rows up to which other heads than the default are tried on a network. With 1,408, kernel ridge takes 8 seconds a network, ridge
on the penultimate layer 2, and neither is a member of the ensemble; with 440 emoji they add a tenth of a point."""
CHEAP_LOGISTIC = 2_000
"""Rows times classes up to which logistic regression takes a second a fold. On solar cells with 50 labels a class its mean over
three networks has a balanced accuracy of 76.2 %, that of ridge 75.6 %, both together 76.3 % (10 draws)."""
FINER_FROM = 48
"""Side from which on pictures are also given at the networks' own side. On emoji of 64 pixels the mean of ridge on three networks
at both sides is 0.7 points more accurate than at 160 pixels alone, with a log loss lower by 0.02 to 0.05, at 5, 10, 20 and 35
labels a class; on Twemoji 0.3 points and 0.01 to 0.02 (4 draws each). Digits of 8 pixels at 224 instead of 96 gain nothing."""
VIEWS = 4
"""Random views of each picture that the default head is fitted to as well. The mean of it and of the head without views, over
three networks, against that of the head without: +0.8 points with 10 digits a class, +1.3 with 10 of MNIST, +0.4 to +0.7 with 20
of Fashion-MNIST, +1.8 and +2.6 with 20 emoji, -1.5 and +2.6 with 20 of Twemoji, +1.2 and -0.5 with 50 solar cells (one or two
draws each, thousands of test pictures but for 272 emoji). Views alone gain more on digits and lose 1.5 points on a draw of solar
cells, so that both are candidates and their out-of-fold predictions weigh them. One or two views gain less."""
MOST_WITH_VIEWS = 1_000
"""Rows up to which that head is tried: with 100 a class of Fashion-MNIST it gains 0.25 points, for five times the features."""
VECTOR_HEADS = ("ridge", "kernel_ridge")
"""Heads on given feature vectors."""
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


def baselines(trials: Trials) -> list[Candidate]:
    """Closed forms without a network, which cost nothing but their fit; none on feature vectors.

    With many rows kernel ridge takes a minute of what the network from scratch needs, which is the better rival there.
    """
    if trials.task.train.images.embedded:
        return []
    kinds = ("ridge",) if trials.many else ("ridge", "kernel_ridge")
    plain = [trials.candidate("baseline", "pixels", head_of(kind, "penultimate")) for kind in kinds]
    return plain if len(trials.task.labeled) > MOST_WITH_VIEWS else [*plain, plain[-1].with_settings(views=VIEWS)]


def on_labeled_rows(trials: Trials, ranking: Ranking, options: Options) -> Iterator[Candidate]:
    """Closed forms that transfer and learn from labeled rows alone, in order of value for cost, each made when it is its turn.

    Heads on the same features stand side by side, as only the features cost time. The first is the default. Each network follows
    in turn, as ranked; then come the default heads fitted to random views, too, and those on pictures at the networks' own input
    side. What random weights reach is in the ranking, and what a network from scratch does is tried.
    """
    if options.method is not None:
        chosen = options.chosen(options.method)
        if not is_gradient(chosen):
            yield from (trials.candidate("transfer", name, chosen) for name in ranking.chosen)
        return
    names = trial_order(trials, ranking)
    if trials.task.train.images.embedded:
        yield from (trials.candidate("transfer", name, head_of(kind, "penultimate")) for name in names for kind in VECTOR_HEADS)
        return
    cheap = len(trials.task.labeled) * trials.task.num_classes <= CHEAP_LOGISTIC
    usual = PICTURE_HEADS if len(trials.task.labeled) <= MORE_HEADS_ROWS else PICTURE_HEADS[:1]
    heads = [*usual, *([("logistic", "stages+pixels")] if cheap else [])]
    at_once = [trials.candidate("transfer", name, head_of(kind, blocks)) for name in names for kind, blocks in heads]
    yield from at_once
    yield from _with_views(trials, at_once, options)
    yield from _finer(at_once, trials.task.native_pixels)


def _with_views(trials: Trials, at_once: Sequence[Candidate], options: Options) -> Iterator[Candidate]:
    """The default heads fitted to random views of the pictures, too; flipped ones where there is room for views at all."""
    if len(trials.task.labeled) > MOST_WITH_VIEWS:
        return
    for one in at_once:
        if _is_usual(one):
            candidate = one.with_settings(views=VIEWS)
            price = trials.price_of_features(candidate) + _price_of_flip_test(trials, candidate)
            yield flip_tested(trials, candidate, options) if price <= trials.room_for_closed_forms else candidate


def _price_of_flip_test(trials: Trials, candidate: Candidate) -> float:
    """Predicted seconds for the features of flipped pictures; 0 where the test was made."""
    return seconds_an_image(trials.backbone(candidate)) * num_flipped(trials.task) if trials.flip_test is None else 0.0


def flip_tested(trials: Trials, candidate: Candidate, options: Options) -> Candidate:
    """The candidate, fitted to flipped pictures too where the flip test says that this helps and the user did not set it.

    The test is made once, on the network of the first candidate that asks.
    """
    if "flip" not in candidate.method or "flip" in options.settings:
        return candidate
    if trials.flip_test is None:
        trials.spent_seconds += _price_of_flip_test(trials, candidate)
        try:
            trials.flip_test = flip_test(trials.task, trials.backbone(candidate), trials.steps)
        except StoppedError:
            return candidate
        trials.notes.append(str(trials.flip_test))
    return candidate.with_settings(flip=trials.flip_test.helps)


def _is_usual(one: Candidate) -> bool:
    return (one.method["kind"], one.method["blocks"]) == PICTURE_HEADS[0]


def _finer(at_once: Sequence[Candidate], native_pixels: int) -> list[Candidate]:
    """The default heads on pictures at each network's own input side, where that is larger than the side taken before."""
    if native_pixels < FINER_FROM:
        return []
    usual = [one for one in at_once if _is_usual(one)]
    own = [one.model_copy(update={"input_pixels": card_of(one.pretrained).input_pixels}) for one in usual]
    return [finer for finer, one in zip(own, usual, strict=True) if finer.input_pixels > one.input_pixels]


def _supervised(trials: Trials, ranking: Ranking, options: Options) -> None:
    for place, candidate in enumerate(on_labeled_rows(trials, ranking, options)):
        trials.closed_form(candidate, must=place == 0)


def trial_order(trials: Trials, ranking: Ranking) -> list[str]:
    """All ranked networks in the order of trial: the shortlist, then the others as ranked.

    The shortlist is as ranked, too; the cheapest comes first where the ranking cannot tell.
    """
    shortlist = list(ranking.chosen)
    if not ranking.distinguishable:
        shortlist.sort(key=lambda name: card_of(name).num_parameters or 0)
    return shortlist + [one.name for one in ranking.candidates if not one.baseline and one.name not in ranking.chosen]


def like(trials: Trials, own: Candidate, **method: Any) -> Candidate:
    """A head with other settings on the features of a candidate."""
    settings = {"blocks": own.method["blocks"], **method}
    return trials.candidate("transfer", own.pretrained, settings_of(method_from(settings)), pixels=own.input_pixels)


def _with_sources(trials: Trials, options: Options) -> None:
    """A head that learns from the sources that were found to help, on the features of the best head without them."""
    best = best_so_far(trials)
    if options.method is not None or not trials.source_weights or best is None:
        return
    candidate = like(trials, best.candidate, kind="joint_ridge", source_weights=trials.source_weights)
    trials.closed_form(candidate)


def _with_unlabeled(trials: Trials, options: Options) -> None:
    """Heads that learn from unlabeled rows too, on the features of the best head without them; skipped if these differ."""
    best = best_so_far(trials)
    if options.method is not None or trials.task.unlabeled is None or best is None:
        return
    candidates = [like(trials, best.candidate, kind=kind) for kind in WITH_UNLABELED]
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


def head_of(kind: str, blocks: str) -> dict[str, Any]:
    """The settings of a head on those blocks."""
    return settings_of(method_from({"kind": kind, "blocks": blocks}))
