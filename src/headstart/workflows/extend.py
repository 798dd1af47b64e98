"""Extend: a finished run with images that came later: of known classes, or of new ones, without losing the old."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.backbones.label_contamination import labels_learned_in
from headstart.core.errors import DataError, PlanError
from headstart.core.predictions import Predictions
from headstart.core.progress import stage
from headstart.core.records import fingerprint_of
from headstart.core.rows import Rows
from headstart.data.additions import Addition, all_of, read_addition
from headstart.data.images import ImageSet
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.evaluation.extension import Extension
from headstart.evaluation.forgetting import forgetting
from headstart.evaluation.protocols import evaluate
from headstart.features.extract import features_of
from headstart.heads.ridge_statistics import RidgeStatistics
from headstart.methods import METHODS
from headstart.methods.heads import LinearHead
from headstart.methods.model import Model
from headstart.runs.origin import check_classes, task_of
from headstart.runs.run import STATISTICS, Findings, Run
from headstart.runs.workspace import Workspace
from headstart.workflows.fit import finish


def extend(run: Run | str | Path, data: str | Path, *, out: str | Path | None = None) -> Run:
    """A new run that has also learned from other images, of the run's classes or of new ones.

    The network stays as it is, and so do the means that its features are centered by; the ridge head on them is solved for old
    and new rows together, as one fit to all rows does. It takes the run's own images where they are at hand, else sums over them
    that `remember` or an earlier `extend` left in the run's folder; it leaves such sums in the new folder. Images that the run
    has learned from, or is tested on, are left out where the data hold them too. Models that predict together with the run's
    own are left out, and so is one that it corrects; the `extension` says so. One class suffices. The new run lies beside the old
    one unless `out` is given; its `extension` says how accuracy on old classes changed, and what it is on the new images.
    """
    run = Run.load(run)
    model, head = _model_of(run)
    with stage("reading the data"):
        task = task_of(run)
        tests = _tests_of(run, task)
        known = _known_to(run, task, tests)
        addition = read_addition(str(data), model.classes, run.plan.seed, known)
    if addition.learn.images.embedded != (not provider_of(model.backbone.card).takes_pictures):
        given, wanted = ("feature vectors", "pictures") if addition.learn.images.embedded else ("pictures", "feature vectors")
        raise DataError(f"{data} holds {given}, and {run.folder} was fitted on {wanted}. Give {wanted}.")
    workspace = Workspace.named(out, run.folder, [str(run.folder), addition.fingerprint])
    if workspace.claim_extension(run.folder, addition.fingerprint):
        return workspace.run
    with stage("solving"):
        statistics = _joined_statistics(run, task, addition, model, head)
    weight, bias = statistics.solution()
    solved = LinearHead(head.representation, np.asarray(weight, np.float32), bias)
    extended = Model(model.backbone, solved, statistics.temperature, addition.learn.classes)
    with stage("evaluating"):
        evaluation, predictions = evaluate(extended, all_of([*tests, addition.held_out], extended.classes))
        extension = _extension(run, addition, extended, tests, with_old_images=task is not None)
    alone = {"partners": (), "shares": (), "fold_models": None}
    plan = run.plan.model_copy(update={**alone, "reasons": (*run.plan.reasons, extension.sentence)})
    workspace.write_predictions(predictions)
    workspace.write(evaluation, extension, plan, _summary(run, addition, tests))
    if run.findings is not None or addition.findings:
        workspace.write(Findings(findings=(*(run.findings or ()), *addition.findings)))
    workspace.write_statistics(statistics)
    workspace.write_learned(labels_learned_in(run.folder))
    workspace.write_known(known.union(addition.learn.content_keys, addition.held_out.content_keys))
    workspace.write_model(extended)
    return finish(workspace)


def remember(run: Run | str | Path) -> Path:
    """The file, in the run's folder, of sums over its images that `extend` needs when the images are gone.

    Beside it, the SHA-256 of each image lets later additions leave out those that the run knows. The run's data must still be
    there.
    """
    run = Run.load(run)
    workspace = Workspace(run.folder)
    if run.statistics is not None:
        return workspace.path(STATISTICS)
    model, head = _model_of(run)
    task = task_of(run)
    if task is None:
        raise DataError(f"The data of {run.folder} ({run.plan.data}) are gone or have changed since. Put them back.")
    workspace.write_known(_known_to(run, task, _tests_of(run, task)))
    rows = task.labeled
    statistics = RidgeStatistics.fitted(_rows(rows, model, head), rows.labels, rows.num_classes, rows.groups)
    return workspace.write_statistics(statistics)


def _extension(run: Run, addition: Addition, model: Model, tests: list[ImageSet], with_old_images: bool) -> Extension:
    """What was added, and the accuracy on old classes before and after, and on the new images."""
    on_new, _ = evaluate(model, addition.held_out, split=addition.name)
    widened = _Widened(run.model, model.classes)
    return Extension(
        parent=str(run.folder),
        place=addition.place,
        fingerprint=addition.fingerprint,
        added=addition.added,
        num_learned=len(addition.learn),
        num_held_out=len(addition.held_out),
        with_old_images=with_old_images,
        old=forgetting(widened, model, "old classes", all_of(tests, model.classes)) if tests else None,
        new=on_new.metrics["accuracy"],
        num_left_out=len(run.model.partners) + (run.model.base is not None),
    )


def _summary(run: Run, addition: Addition, tests: list[ImageSet]) -> TaskSummary:
    """The run's numbers with those of the addition; no place can be read again as this task."""
    before, learn = run.task_summary, addition.learn
    counts = learn.class_counts
    counts[: len(before.train_counts)] += np.array(before.train_counts)
    new = {
        "classes": learn.classes,
        "train_counts": tuple(counts.tolist()),
        "num_train": before.num_train + len(learn),
        "num_test": sum(map(len, tests)) + len(addition.held_out),
        "task_fingerprint": fingerprint_of([before.task_fingerprint, addition.fingerprint]),
    }
    return before.model_copy(update=new)


@dataclass(frozen=True)
class _Widened:
    """A model that gives probability 0 to classes that it does not know."""

    model: Model
    classes: tuple[str, ...]

    def predict(self, images: ImageSet) -> Predictions:
        """Probabilities of every class."""
        made = self.model.predict(images)
        more = ((0, 0), (0, len(self.classes) - len(made.classes)))
        return replace(made, classes=self.classes, probs=np.pad(made.probs, more), raw_probs=np.pad(made.raw_probs, more))


def _model_of(run: Run) -> tuple[Model, LinearHead]:
    check_classes(run, "extend")
    model = run.model
    if "source" in METHODS.get(run.plan.method["kind"]).needs:
        raise PlanError(
            f"{run.folder} learned from images of other domains, which extending would forget. Put the new images beside the "
            "old ones, and run again."
        )
    if not isinstance(model.head, LinearHead):
        raise PlanError(
            f"{run.folder} has a head of the kind {model.head.settings()['kind']}, and only a linear one can be extended. "
            "Fit again with --method ridge, or any that trains."
        )
    return model, model.head


def _rows(images: ImageSet, model: Model, head: LinearHead) -> Rows:
    """What the head sees."""
    features = features_of(images, model.backbone)
    return features.penultimate if head.representation is None else head.representation.rows(features)


def _joined_statistics(run: Run, task: Task | None, addition: Addition, model: Model, head: LinearHead) -> RidgeStatistics:
    """The sums over old and new rows together."""
    learn, statistics = addition.learn, run.statistics
    if task is not None:
        every = all_of([task.labeled, learn], learn.classes)
        return RidgeStatistics.fitted(_rows(every, model, head), every.labels, every.num_classes, every.groups)
    if statistics is None:
        raise DataError(
            f"The data of {run.folder} ({run.plan.data}) are gone or have changed since, and no sums over them were kept. "
            f"Put them back; `headstart extend {run.folder}` then keeps what later updates need."
        )
    return statistics.joined(RidgeStatistics.of(_rows(learn, model, head), learn.labels, learn.num_classes))


def _known_to(run: Run, task: Task | None, tests: list[ImageSet]) -> set[str]:
    """Content keys of the images that the run has learned from or is tested on, as far as they were kept or are at hand."""
    return set(run.known).union(*(images.content_keys for images in ([*tests, task.labeled] if task else tests)))


def _tests_of(run: Run, task: Task | None) -> list[ImageSet]:
    """Test images of the run and, where it is an extension, of what it extends, as far as they are at hand."""
    extension = run.extension
    if extension is None:
        return [task.test] if task and task.test else []
    earlier = Run(Path(extension.parent))
    if not earlier.finished:
        return []
    before_task = task_of(earlier)
    before = _tests_of(earlier, before_task)
    try:
        known = _known_to(earlier, before_task, before)
        addition = read_addition(extension.place, earlier.model.classes, run.plan.seed, known)
    except DataError:
        return before
    return [*before, addition.held_out] if addition.fingerprint == extension.fingerprint else before
