"""Extend: a finished run with images that came later: of known classes, or of new ones, without losing the old."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.backbones.label_contamination import labels_learned_in
from headstart.core.arguments import AnyPath, checked
from headstart.core.dropping import noting_drops
from headstart.core.errors import DataError, PlanError
from headstart.core.evaluation import Evaluation
from headstart.core.predictions import Predictions, joined
from headstart.core.progress import stage
from headstart.core.records import fingerprint_of
from headstart.core.types import Floats
from headstart.data.additions import Addition, all_of, read_addition
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.evaluation.extension import Extension, LeftOut
from headstart.evaluation.forgetting import Forgetting, forgetting_between
from headstart.evaluation.out_of_fold import SPLIT as OUT_OF_FOLD
from headstart.evaluation.out_of_fold import evaluation_out_of_fold
from headstart.evaluation.protocols import evaluate, evaluation_of
from headstart.evaluation.slice_report import with_slices
from headstart.heads.ridge_statistics import RidgeStatistics
from headstart.methods.model import Model
from headstart.planning.fitting import with_detector
from headstart.planning.incremental import (
    Extendable,
    Solution,
    calibrated,
    extendable_of,
    extended_plan,
    left_out_together,
    shares_of,
    together,
)
from headstart.runs.evaluated_sets import EvaluatedSet, evaluated_sets_of, known_to, learned_rows, with_predictions
from headstart.runs.origin import check_classes, task_of
from headstart.runs.provenance import images_of_extension
from headstart.runs.run import KNOWN, STATISTICS, Findings, Run
from headstart.runs.workspace import Workspace
from headstart.workflows.arguments import AnyRun, Place
from headstart.workflows.fit import finish

FITTED_TO = "was fitted to all but the {count:,} held out of {place}"
NOTHING_TO_MEASURE_BY = (
    "{place} has too few images to hold one out, and there are none at hand that {run} was evaluated on. Add others of one class."
)
FITTED_TO_ALL = "was fitted to all of {place} as well"


@checked
@noting_drops()
def extend(run: AnyRun, data: Place, *, out: AnyPath | None = None) -> Run:
    """A new run that has also learned from other images, of the run's classes or of new ones.

    Networks stay as they are, and so do the means that their features are centered by; the ridge head on them is solved for old
    and new rows together, as one fit to all rows does. It takes the run's own images where they are at hand, else sums over them
    that `remember` or an earlier `extend` left in the run's folder; it leaves such sums in the new folder. Images that the run
    has learned from, or was evaluated on, are left out where the data hold them too. Of models that predict together each is
    solved again that can be, and they keep their shares; networks that were trained are left out unless there are no others, and
    the `extension` says so. One class suffices. The new run lies beside the old one unless `out` is given; its `extension` says
    how accuracy on old classes changed, and what it is on the new images.
    """
    run = Run.load(run)
    check_classes(run, "extend")
    with stage("reading the data"):
        task = task_of(run)
        stored, native = None if task else run.statistics, run.task_summary.native_pixels
        members, left_out = extendable_of(run.model, run.plan, str(run.folder), native, stored) if task or stored else ((), ())
        sets = evaluated_sets_of(run, task)
        known = known_to(run, task, sets)
        addition = read_addition(str(data), run.model.classes, run.plan.seed, known)
    _check_kind(run, addition, str(data))
    if not members:
        raise DataError(_no_sums(run))
    if not len(addition.held_out) and not _unlearned(sets, members):
        raise DataError(NOTHING_TO_MEASURE_BY.format(place=data, run=run.folder))
    workspace = Workspace.named(out, run.folder, [str(run.folder), addition.fingerprint])
    if workspace.claim_extension(run.folder, addition.fingerprint):
        return workspace.run
    with stage("solving"):
        extended = _extended(run, task, members, addition, sets)
    with stage("evaluating"):
        evaluation, predictions, extension = _evaluated(run, addition, extended, left_out)
        image_sets = [
            one.images for one in (*_unlearned(sets, members), EvaluatedSet(addition.held_out, None)) if len(one.images)
        ]
        evaluation = with_slices(evaluation, predictions, image_sets, extended.model.backbone)
    workspace.write_predictions(predictions)
    plan = extended_plan(run.plan, [one.extendable for one in extended.solutions], extended.model.shares, extension.sentence)
    workspace.write(evaluation, extension, plan, _summary(run, addition, extended, sets))
    if run.findings is not None or addition.findings:
        workspace.write(Findings(findings=(*(run.findings or ()), *addition.findings)))
    if sums := extended.statistics:
        workspace.write_statistics(sums)
    workspace.write_learned(labels_learned_in(run.folder))
    workspace.write_known(known.union(addition.learn.content_keys, addition.held_out.content_keys))
    workspace.write_model(extended.model)
    if evaluation.split == OUT_OF_FOLD:
        workspace.write_calibration(predictions)
    return finish(workspace, None, images_of_extension(run, task, addition))


def remember(run: Run | str | Path) -> Path:
    """The file, in the run's folder, of sums over its images that `extend` needs when the images are gone.

    Beside it, the SHA-256 of each image lets later additions leave out those that the run knows. The run's data must still be
    there.
    """
    run = Run.load(run)
    workspace = Workspace(run.folder)
    if run.statistics:
        return workspace.path(STATISTICS)
    check_classes(run, "extend")
    task = task_of(run)
    members, _ = extendable_of(run.model, run.plan, str(run.folder), run.task_summary.native_pixels)
    if task is None:
        raise DataError(f"The data of {run.folder} ({run.plan.data}) are gone or have changed since. Put them back.")
    workspace.write_known(known_to(run, task, evaluated_sets_of(run, task)))
    rows = learned_rows(task, run)
    sums = {one.place: one.fitted(rows).arrays() for one in members if one.head.keeps_inputs}
    if not sums:
        raise PlanError(f"{run.folder}: {members[0].candidate.own_name} takes the images themselves; sums over them do not do.")
    written = workspace.write_statistics(sums)
    workspace.vouch_for(STATISTICS, KNOWN)
    return written


@dataclass(frozen=True)
class _Extended:
    """What a run became.

    Attributes:
        model: All models that predict together.
        solutions: Each of them.
        pairs: What the run before and this one predicted for images that neither had learned then.
        with_old_images: Whether the old images were read.
        learned_since: Whether the run before, or this one, has learned some of these images since.
    """

    model: Model
    solutions: tuple[Solution, ...]
    pairs: tuple[tuple[Predictions, Predictions], ...]
    with_old_images: bool
    learned_since: bool

    @property
    def statistics(self) -> dict[int, dict[str, Floats]]:
        """The sums that the next extension can start from, by the place of the model."""
        solutions = enumerate(self.solutions)
        return {place: one.statistics for place, one in solutions if one.extendable.head.keeps_inputs}


def _extended(
    run: Run, task: Task | None, members: tuple[Extendable, ...], addition: Addition, sets: list[EvaluatedSet]
) -> _Extended:
    """The models for old and new rows; their confidence and the novelty detector are fitted anew where the old rows are there."""
    learn, classes = addition.learn, addition.learn.classes
    predicted = with_predictions(run, _unlearned(sets, members))
    learned = [(one.images, one.rows) for one, _ in predicted if one.rows is not None]
    shares = shares_of(members, run.model)
    if task is None:
        stored = run.statistics
        out = [images for images, _ in learned]
        sums = ((one, RidgeStatistics.from_arrays(stored[one.place])) for one in members)
        solutions = tuple(Solution.of_sums(one, before, learn, out) for one, before in sums)
        model = together(solutions, shares)
    else:
        every = all_of([learned_rows(task, run), learn], classes)
        suited = (one.for_images(every, run.plan.seed) for one in members)
        solutions = tuple(Solution.of_images(one, every, [rows for _, rows in learned]) for one in suited)
        shares = calibrated(
            shares,
            [one.fit for one in solutions if one.fit],
            every.labels,
            every.groups,
            [one.extendable.rows_an_image for one in solutions if one.fit],
        )
        whole = replace(task, classes=classes, train=every, validation=None, test=None, source=None, test_by_default=False)
        untouched = {one.model.backbone.weights_hash for one in members if not one.is_trained}
        model = with_detector(together(solutions, shares), whole, untouched)
    places = iter(range(len(learned)))
    after = [
        evaluate(model, one.images)[1] if one.rows is None else left_out_together(solutions, shares, next(places))
        for one, _ in predicted
    ]
    pairs = tuple((_widened(before, classes), now) for (_, before), now in zip(predicted, after, strict=True))
    return _Extended(model, solutions, pairs, task is not None, bool(learned))


def _unlearned(sets: list[EvaluatedSet], members: tuple[Extendable, ...]) -> list[EvaluatedSet]:
    """The sets that the extended models can be judged by: a network that was trained on images has learned them for good."""
    return [one for one in sets if one.rows is None] if any(one.is_trained for one in members) else sets


def _evaluated(
    run: Run, addition: Addition, extended: _Extended, left_out: tuple[LeftOut, ...]
) -> tuple[Evaluation, Predictions, Extension]:
    """The evaluation on all images that the model has not learned, or did without; its predictions; and what has changed."""
    held_out = addition.held_out
    on_new, new = evaluate(extended.model, held_out, split=addition.name) if len(held_out) else (None, None)
    predictions = _together([*(after for _, after in extended.pairs), *([new] if new else [])])
    if extended.learned_since:
        fitted_to = (FITTED_TO if new else FITTED_TO_ALL).format(count=len(held_out), place=addition.place)
        evaluation = evaluation_out_of_fold(predictions, fitted_to=fitted_to)
    else:
        evaluation = evaluation_of(predictions, "test")
    extension = Extension(
        parent=str(run.folder),
        place=addition.place,
        fingerprint=addition.fingerprint,
        added=addition.added,
        num_learned=len(addition.learn),
        num_held_out=len(held_out),
        with_old_images=extended.with_old_images,
        old=_forgotten(extended),
        new=on_new.metrics["accuracy"] if on_new else None,
        num_models=len(extended.solutions),
        left_out=left_out,
    )
    return evaluation, predictions, extension


def _forgotten(extended: _Extended) -> Forgetting | None:
    """How accuracy on the old classes changed; None where no image of them shows both."""
    if not extended.pairs:
        return None
    before, after = (_together(list(several)) for several in zip(*extended.pairs, strict=True))
    known = np.flatnonzero(before.labels >= 0)
    what = "old classes, of images that neither model had learned," if extended.learned_since else "old classes"
    return forgetting_between(before.take(known), after.take(known), what) if len(known) else None


def _widened(made: Predictions, classes: tuple[str, ...]) -> Predictions:
    """The predictions with probability 0 for classes that the model does not know."""
    more = ((0, 0), (0, len(classes) - len(made.classes)))
    return replace(made, classes=classes, probs=np.pad(made.probs, more), raw_probs=np.pad(made.raw_probs, more))


def _together(several: list[Predictions]) -> Predictions:
    """The predictions of several sets of images as one, each with groups of its own."""
    first, apart = 0, []
    for one in several:
        apart.append(replace(one, groups=one.groups + first, p_values=None))
        first += int(one.groups.max(initial=-1)) + 1
    return joined(apart)


def _summary(run: Run, addition: Addition, extended: _Extended, sets: list[EvaluatedSet]) -> TaskSummary:
    """The run's numbers with those of the addition; no place can be read again as this task."""
    first = extended.solutions[0]
    counts = (first.statistics["counts"].astype(int) // first.extendable.rows_an_image).tolist()
    new = {
        "classes": extended.model.classes,
        "train_counts": tuple(counts),
        "num_train": sum(counts),
        "num_validation": 0,
        "num_test": sum(len(one.images) for one in sets if one.rows is None) + len(addition.held_out),
        "task_fingerprint": fingerprint_of([run.task_summary.task_fingerprint, addition.fingerprint]),
    }
    return run.task_summary.model_copy(update=new)


def _no_sums(run: Run) -> str:
    if run.extension is not None:
        return f"{run.folder} was extended before, and no sums over its images could be kept. Put all images together."
    return (
        f"The data of {run.folder} ({run.plan.data}) are gone or have changed since, and no sums over them were kept. "
        f"Put them back; `headstart extend {run.folder}` then keeps what later updates need."
    )


def _check_kind(run: Run, addition: Addition, data: str) -> None:
    if addition.learn.images.embedded != (not provider_of(run.model.backbone.card).takes_pictures):
        given, wanted = ("feature vectors", "pictures") if addition.learn.images.embedded else ("pictures", "feature vectors")
        raise DataError(f"{data} holds {given}, and {run.folder} was fitted on {wanted}. Give {wanted}.")
