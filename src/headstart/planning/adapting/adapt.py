"""Adapt: which models predict a target that has a labeled source, and which of its images a person should label."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.core.errors import DataError
from headstart.core.executing import dropping_begun
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.core.stopping import unstoppable
from headstart.data.task import Task
from headstart.methods.base import Method
from headstart.planning.adapting.accuracy_estimate import estimated_accuracy, findings_of
from headstart.planning.adapting.adaptation import UNADAPTED, Adaptation, ValidatorScores
from headstart.planning.adapting.candidate_fitting import CandidateFitter, FittedCandidate, methods_for
from headstart.planning.adapting.domain_map import domain_map
from headstart.planning.adapting.domain_pair import check_adaptable, domain_pair_of, sampled_rows
from headstart.planning.adapting.label_queries import LabelChoice, chosen_by_labels, query_rows
from headstart.planning.adapting.model_selection import ModelSelection, SelectionVerdict, mean_probs
from headstart.planning.budget import budget_of
from headstart.training.settings import Training


class ToLabel(Record):
    """Images that a person should label.

    Attributes:
        names: Of the images.
        rows: Their places among the images without labels.
        guesses: Their classes as the present model, of a source the unadapted one, predicts them; empty where there is none.
        num_differing: Target rows on which candidates differ; 0 without a source.
        strategy: What chose them: "disagreement" of candidates to adapt, or a label strategy.
        probabilities: Of the guesses; none where nothing predicts, or several candidates do.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    guesses: tuple[str, ...]
    num_differing: int
    strategy: str = "disagreement"
    probabilities: tuple[float, ...] = ()


def adaptation_to(
    task: Task,
    backbone: Backbone,
    *,
    methods: Sequence[str] | None = None,
    minutes: float | None = None,
    steps: Steps | None = None,
    training: Training | None = None,
) -> Adaptation:
    """Which models predict the task's target, chosen without its labels, or with the few that there are.

    The unadapted model is always a candidate, and predicts alone unless others are accepted: by `model_selection` without target
    labels, by `chosen_by_labels` with some.

    Args:
        task: With labeled source rows; target rows are `unlabeled` and, labeled, `train`. Its test rows are not used.
        backbone: What is transferred.
        methods: Kinds that may be fitted; None fits all closed forms, and others where `minutes` are given.
        minutes: The budget, with which what is trained is tried too; None for closed forms alone.
        steps: Where fits are kept, so that a restart does not repeat them; None keeps nothing.
        training: How gradient methods are trained; as usual by default.

    Returns:
        The record.

    Raises:
        DataError: The task cannot be adapted to.
        PlanError: A method is unknown or needs no source.
        StoppedError: Trying had to end before the unadapted model was fitted.
    """
    begun = time.perf_counter()
    with _fitted(task, backbone, methods, minutes, steps, training) as (fitter, candidates), unstoppable():
        pair = fitter.pair
        verdict = ModelSelection(pair, candidates).verdict()
    decided = _decided(task, candidates, verdict.chosen)
    chosen = decided.chosen
    probs, unadapted = mean_probs(candidates, chosen), mean_probs(candidates, (UNADAPTED,))
    predicted, unadapted_predicted = (np.asarray(one.argmax(axis=1), np.int64) for one in (probs, unadapted))
    before = estimated_accuracy(pair.held_out_probs, pair.held_out_labels, unadapted)
    return Adaptation(
        chosen=chosen,
        shift=verdict.shift,
        candidates=_without_rejection(verdict.candidates, chosen),
        reasons=_reasons(verdict, decided.reason),
        findings=tuple(findings_of(pair, before, chosen, predicted, unadapted_predicted, fits=verdict.fits)),
        accuracy=estimated_accuracy(pair.held_out_probs, pair.held_out_labels, probs),
        unadapted_accuracy=before,
        at_most_lost=float((predicted != unadapted_predicted).mean()),
        num_source=len(pair.source),
        num_target=len(pair.target),
        num_labeled=len(task.labeled),
        map=domain_map(pair, predicted),
        classes=pair.task.classes,
        seconds=time.perf_counter() - begun,
        stopped=fitter.left_out.stopped or "",
        unfinished=fitter.left_out.sentence(),
        minutes=minutes,
        accepted=set(chosen) <= set(verdict.chosen),
        label_p_value=decided.p_value,
        num_compared=sum(one.target_probs is not None for one in candidates) if len(task.labeled) else 0,
    )


def rows_to_label(
    task: Task,
    backbone: Backbone,
    num: int = 20,
    *,
    methods: Sequence[str] | None = None,
    minutes: float | None = None,
    steps: Steps | None = None,
) -> ToLabel:
    """The `num` target images whose labels say most about how to adapt; other arguments and errors as for `adaptation_to`.

    `DataError` if every target image has its label, `PlanError` if `num` is below one.
    """
    if not task.unlabeled:
        raise DataError(f"{task.name} has no target image without a label. Add a folder unlabeled/.")
    known = len(task.labeled)
    with _fitted(task, backbone, methods, minutes, steps) as (fitter, candidates):
        pair = fitter.pair
        probs = [one.target_probs[known:] for one in candidates if one.target_probs is not None]
    rows = query_rows(probs, pair.target_rows[known:], num, task.seed)
    predicted = np.stack([one.argmax(axis=1) for one in probs])
    images = pair.target.images
    return ToLabel(
        names=tuple(images.name(known + int(row)) for row in rows),
        rows=tuple(sampled_rows(len(task.unlabeled))[rows].tolist()),
        guesses=tuple(task.classes[label] for label in predicted[0][rows]),
        num_differing=int((predicted != predicted[0]).any(axis=0).sum()),
    )


@contextmanager
def _fitted(
    task: Task,
    backbone: Backbone,
    methods: Sequence[str] | None,
    minutes: float | None,
    steps: Steps | None,
    training: Training | None = None,
) -> Iterator[tuple[CandidateFitter, tuple[FittedCandidate, ...]]]:
    """What fits candidates, and every candidate, which may be fitted back for as long as the context lasts."""
    check_adaptable(task)
    usable = methods_for(task, backbone, methods, minutes is not None)
    pair = domain_pair_of(task, backbone)
    skip_reason = "" if len(task.labeled) else pair.shift.why_unadapted
    budget = None if minutes is None else budget_of(minutes)
    with tempfile.TemporaryDirectory() as folder:
        store = Steps(Path(folder)) if steps is None else steps
        fitter = CandidateFitter(pair, backbone, store, budget, training or Training(seed=task.seed), skip_reason)
        with dropping_begun():
            candidates = _candidates(fitter, usable)
        yield fitter, candidates


def _candidates(fitter: CandidateFitter, usable: Sequence[Method]) -> tuple[FittedCandidate, ...]:
    """Every candidate; those that build on others, on those that model selection chooses, without labels, of the ones before."""
    fitter.begin(usable)
    found: tuple[FittedCandidate, ...] = ()

    def chosen() -> tuple[str, ...]:
        with unstoppable():
            return ModelSelection(fitter.pair, found).chosen

    for method in usable:
        found = (*found, fitter.candidate(method, chosen))
    return found


def _decided(task: Task, candidates: tuple[FittedCandidate, ...], chosen: tuple[str, ...]) -> LabelChoice:
    """The candidates that predict after labeled target rows were asked, too; no reason where there are none.

    `chosen` are those of model selection; none where it keeps the unadapted model.
    """
    num, favored = len(task.labeled), chosen or (UNADAPTED,)
    if not num:
        return LabelChoice(favored, "")
    predicted = {one.name: one.target_probs[:num].argmax(axis=1) for one in candidates if one.target_probs is not None}
    together = np.asarray(mean_probs(candidates, favored)[:num].argmax(axis=1), np.int64)
    return chosen_by_labels(task.labeled.labels, predicted, chosen, together)


def _without_rejection(candidates: tuple[ValidatorScores, ...], chosen: tuple[str, ...]) -> tuple[ValidatorScores, ...]:
    """The candidates, none of which is rejected where it predicts: labels may choose what model selection rejects."""
    return tuple(one.model_copy(update={"rejection": ""}) if one.name in chosen else one for one in candidates)


def _reasons(verdict: SelectionVerdict, by_labels: str) -> tuple[str, ...]:
    """What decided; what follows without labels is left out where there are labels."""
    if not by_labels:
        return verdict.reasons
    return (*(one for one in verdict.reasons if one != verdict.shift.conclusion), by_labels)
