"""Fit: one plan, fitted, evaluated and reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.backbones.label_contamination import check_contamination, labels_learned_by
from headstart.backbones.pretrained import AnyWeights, Name
from headstart.backbones.providers.own_runs import run_of
from headstart.checks.inspection import inspect
from headstart.cluster.account import ClusterUse
from headstart.core.arguments import AnyPath, Texts, checked
from headstart.core.dropping import noting_drops
from headstart.core.errors import TrainingError
from headstart.core.evaluation import Evaluation
from headstart.core.executing import executor
from headstart.core.predictions import Predictions
from headstart.core.progress import stage
from headstart.core.records import Record
from headstart.data.task import Task
from headstart.evaluation.forgetting import Forgetting, forgetting
from headstart.evaluation.out_of_fold import evaluation_out_of_fold
from headstart.evaluation.protocols import evaluate, with_test_as_train
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit
from headstart.evaluation.slice_report import with_slices
from headstart.export.card import run_card
from headstart.methods import METHODS
from headstart.planning.announcement import in_slices, note_beforehand
from headstart.planning.cross_validation import num_finished
from headstart.planning.deciding.chosen import evaluation_of_chosen
from headstart.planning.fitting import (
    backbone_of,
    candidate_of,
    costs_little,
    cross_validated_plan,
    fit_plan,
    learns_test,
    out_of_fold,
)
from headstart.planning.improving.learning_rate import with_found_learning_rate
from headstart.planning.plan import Plan
from headstart.planning.unlabeled_audit import audited
from headstart.report.html import report_html
from headstart.runs.manifest import UsedImages
from headstart.runs.origin import task_of
from headstart.runs.provenance import images_of, manifest_of
from headstart.runs.run import Findings, Run, file_of
from headstart.runs.workspace import Workspace
from headstart.tracking.session import trackers_named
from headstart.training.learning_rate_finder import LearningRateCurve
from headstart.workflows.arguments import Data, Domains, Places
from headstart.workflows.cluster import on_cluster
from headstart.workflows.label_errors import write_label_errors
from headstart.workflows.mistakes import write_explained_mistakes
from headstart.workflows.plans import plan_and_task
from headstart.workflows.track import tracked_run

CHOSEN_ON_THEM = "The plan was chosen before, by these same images: the numbers may be optimistic."
LEARNED_LATER = (
    "They are numbers of the model before its last fit: the model that is kept was then fitted to all {count:,} labeled images, "
    "these included."
)
DOMAINS_LEFT_OUT = "Each image was predicted without any of its domain; intervals are over domains."
COMPARED_ON_ALL = "The candidates were compared by the mean over all images."
SUSPECTS_LEFT_OUT = "Images to learn from whose labels look wrong were left out, as was asked, and judge nothing."
NOT_LEARNED = "The model has not learned from these images, as training it again would cost more than they bring."


class Done(Record):
    """A step whose result lies in files of its own."""


class Audited(Record):
    """What predictions for unlabeled images are worth; None where no labeled image was held out."""

    audit: PseudoLabelAudit | None


@checked
def fit(
    data: Data | Plan,
    plan: Plan | AnyPath | None = None,
    out: AnyPath | None = None,
    *,
    method: str | None = None,
    pretrained: Name | None = None,
    weights: AnyWeights = "pretrained",
    settings: dict[str, Any] | None = None,
    find_rate: bool = False,
    source: Places = (),
    target_domain: Domains = (),
    seed: int | None = None,
    per_class: int | None = None,
    test: float | None = None,
    track: Texts = (),
    cluster: str | None = None,
) -> Run:
    """Fit a plan, or one method on data; evaluate it on the test set, inspect the data and write the report.

    Either a plan, or the path of a plan.toml, is given, for the data that it names, or a plan for a task or for other data; or
    data with a method. Without a test set the run is evaluated out of fold, and says so; without classes, or any label, it is not
    evaluated. Where it starts from another run whose test images are at hand, what was forgotten of them is measured too. With
    `find_rate` the step size is the one that the learning-rate finder suggests; the report draws its curve. Where training breaks
    down, `failure.txt` keeps the sentence, so that `adjust` can go on from there. On a `cluster`, "auto" or ray://HOST:PORT, all
    nodes extract features, and what is trained is trained there. The other arguments are those of all verbs; see
    `headstart.workflows`.
    """
    trackers = trackers_named(track)
    task, chosen = plan_and_task(
        data, plan, method=method, pretrained=pretrained, weights=weights, settings=settings, source=source,
        target_domain=target_domain, seed=seed, per_class=per_class, test=test,
    )  # fmt: skip
    chosen, curve = with_found_learning_rate(task, chosen) if find_rate else (chosen, None)
    chosen = in_slices(task, chosen) if cluster is None else chosen
    folder = folder_of_fit(task, chosen, out)
    if cluster is None and not (folder / file_of(Evaluation)).exists():
        note_beforehand(task, chosen)
    with noting_drops(), on_cluster(cluster, task), tracked_run(trackers, folder):
        return fit_task(task, chosen, folder, curve=curve)


def folder_of_fit(task: Task, plan: Plan, out: str | Path | None = None) -> Path:
    """Where the run of a plan lies: in `out`, or in a folder named after the task and the plan."""
    return Workspace.named(out, Path("runs") / task.name, [plan.to_dict(), task.fingerprint]).folder


def fit_task(
    task: Task, plan: Plan, out: str | Path | None = None, *, curve: LearningRateCurve | None = None, anew: bool = False
) -> Run:
    """The run of a plan on its task; see `fit`. With `anew` it takes the place of another fit in the folder."""
    workspace = Workspace(fit_and_evaluate(task, plan, out, anew=anew).folder)
    write_findings(workspace, task)
    write_label_errors(workspace, task, plan)
    write_explained_mistakes(workspace, task, plan)
    if curve is not None:
        workspace.write(curve)
    forgotten = forgotten_by(workspace.run)
    if forgotten is not None:
        workspace.write(forgotten)
    return finish(workspace, task, images_of(task))


def finish(workspace: Workspace, task: Task | None, images: UsedImages) -> Run:
    """Write `result.json`, the card, the manifest and, last, the report, by which a run counts as ended.

    Without a task the report shows only pictures in files.
    """
    use = executor().use
    if isinstance(use, ClusterUse):
        workspace.write(use.joined(workspace.run.cluster_use))
    workspace.write_noted()
    workspace.write_peak_memory()
    run = workspace.write_result()
    workspace.write_card(run_card(run, task, has_manifest=True))
    workspace.write_manifest(images, manifest_of(run, images))
    workspace.write_report(report_html(run, task))
    return run


def write_findings(workspace: Workspace, task: Task) -> None:
    """Write `findings.json`; the second time in a folder, what was found is read."""

    def make(_: Path) -> Findings:
        with stage("inspecting"):
            return Findings(findings=tuple(inspect(task)))

    workspace.write(workspace.steps.run("inspect", {"task": task.fingerprint}, Findings, make))


def fit_and_evaluate(task: Task, plan: Plan, out: str | Path | None = None, *, anew: bool = False) -> Run:
    """The run with its model, evaluation and predictions, but without findings and report; see `fit_task`."""
    check_contamination(task, plan.networks, cross_validated=False)
    inputs = {"plan": plan.to_dict(), "task": task.fingerprint}
    workspace = Workspace(folder_of_fit(task, plan, out))
    if anew:
        workspace.forget_other_fits(inputs)
    workspace.claim_fit(inputs)
    workspace.drop_damaged()
    workspace.write(plan, task.summary())
    if workspace.run.evaluation is None:
        workspace.write_environment()
    with workspace.noted():
        return _fitted_and_evaluated(workspace, task, plan, inputs)


def _fitted_and_evaluated(workspace: Workspace, task: Task, plan: Plan, inputs: dict[str, Any]) -> Run:
    """The run of a workspace that was claimed; see `fit_and_evaluate`."""
    steps = workspace.sharing_steps

    def fitted(checkpoints: Path) -> Done:
        try:
            fit_plan(task, plan, workspace.model_folder, steps, checkpoints)
        except TrainingError as error:
            workspace.write_failure(str(error))
            raise
        return Done()

    workspace.forget_broken_model(inputs)
    with stage("fitting"):
        steps.run("fit", inputs, Done, fitted)
    workspace.drop_first_model()
    if task.classes and (task.test is not None or task.folds):
        with stage("evaluating"):
            workspace.write(steps.run("evaluate", inputs, Evaluation, lambda _: _evaluated(task, plan, workspace)))
    workspace.write_learned(_learned(_with_test_learned(task, plan, workspace, inputs), plan))
    if task.unlabeled and task.classes and workspace.run.unlabeled is None:
        with stage("predicting unlabeled images"):
            workspace.write_predictions(workspace.run.model.predict_with_p_values(task.unlabeled), unlabeled=True)
    if workspace.run.evaluation is not None:
        _audit_pool(task, plan, workspace, inputs)
        _calibrate(task, plan, workspace)
    return workspace.write_result()


def _with_test_learned(task: Task, plan: Plan, workspace: Workspace, inputs: dict[str, Any]) -> Task:
    """The task whose labeled rows the model has learned: the model is fitted anew where that are the test rows too."""
    if not learns_test(task, plan):
        return task
    whole = with_test_as_train(task)

    def fitted(checkpoints: Path) -> Done:
        fit_plan(whole, plan, workspace.model_folder, workspace.steps, checkpoints)
        return Done()

    with stage("fitting to the test images too"):
        workspace.steps.run("refit", inputs, Done, fitted)
    return whole


def _learned(task: Task, plan: Plan) -> set[str]:
    """Content keys of the images whose labels the network of a fit has learned, those that it knew before included."""
    method = METHODS.get(plan.method["kind"])
    known = set(labels_learned_by(plan.pretrained)) if plan.weights == "pretrained" else set()
    if method.cost != "gradient" or method.label_free:
        return known
    image_sets = [task.labeled, *([task.source] if task.source and method.reads_source() else [])]
    return known.union(*(images.content_keys for images in image_sets))


def _evaluated(task: Task, plan: Plan, workspace: Workspace) -> Evaluation:
    """Write the predictions of the test images, with their conformal p-values, or out of fold where there are none."""
    if task.test is None:
        evaluation, predictions = evaluation_of_chosen(task, plan, workspace.steps) or _out_of_fold(task, plan, workspace)
        if task.leave_domain_out:
            decision = workspace.run.decision
            how = f"{DOMAINS_LEFT_OUT} {COMPARED_ON_ALL}" if decision and decision.compared else DOMAINS_LEFT_OUT
            evaluation = evaluation.model_copy(update={"protocol": f"{evaluation.protocol} {how}"})
    else:
        model = workspace.run.model
        evaluation, predictions = evaluate(model, task.test)
        if task.test_by_default:
            count = len(task.labeled) + len(task.test)
            then = LEARNED_LATER.format(count=count) if learns_test(task, plan) else NOT_LEARNED
            evaluation = evaluation.model_copy(update={"protocol": f"{evaluation.protocol} {then}"})
        if model.detector_model:
            predictions = replace(predictions, p_values=model.p_values(task.test))
    if plan.without_label_errors:
        said = f"{evaluation.protocol} {SUSPECTS_LEFT_OUT}"
        evaluation = evaluation.model_copy(update={"protocol": said, "prediction_sets": ()})
    workspace.write_predictions(predictions)
    images = task.labeled if task.test is None else task.test
    return with_slices(evaluation, predictions, [images], workspace.run.model.backbone)


def _out_of_fold(task: Task, plan: Plan, workspace: Workspace) -> tuple[Evaluation, Predictions]:
    """The evaluation where nothing was chosen in this run; of what was chosen elsewhere it says so."""
    predictions = out_of_fold(task, plan, workspace.sharing_steps)
    evaluation = evaluation_out_of_fold(predictions, fitted_to=plan.fitted_to)
    if plan.rejected or workspace.run.adjustment:
        evaluation = evaluation.model_copy(update={"protocol": f"{evaluation.protocol} {CHOSEN_ON_THEM}"})
    return evaluation, predictions


def _audit_pool(task: Task, plan: Plan, workspace: Workspace, inputs: dict[str, Any]) -> None:
    """Write what the model's predictions for unlabeled images would be worth as labels."""
    if not task.unlabeled:
        return

    def make(_: Path) -> Audited:
        return Audited(audit=audited(task, plan, workspace.run.model, workspace.sharing_steps))

    with stage("auditing pseudo-labels"):
        found = workspace.steps.run("audit", inputs, Audited, make)
    if found.audit:
        workspace.write(found.audit)


def _calibrate(task: Task, plan: Plan, workspace: Workspace) -> None:
    """Keep with the model what its out-of-fold predictions say about its certainty.

    Beside a test the folds that it was chosen by, or that cost little, are asked; what would have to be trained for it is not.
    Where images were left out by their labels, the rest is no sample of new images, and calibrates nothing.
    """
    if plan.without_label_errors or workspace.is_calibrated or not task.folds:
        return
    predictions = workspace.run.predictions
    if task.test is not None:
        steps = workspace.sharing_steps
        num_folds = None if costs_little(plan) else num_finished(task, candidate_of(plan), backbone_of(plan), steps)
        if num_folds == 0:
            return
        with stage("calibrating"):
            predictions = cross_validated_plan(task, plan, steps, num_folds).predictions
    if predictions is not None:
        workspace.write_calibration(predictions)


def forgotten_by(run: Run) -> Forgetting | None:
    """What a run's training cost on the task of the run that it started from, by that one's head on its test images.

    None where it started from no run with classes, or from one of two networks, left that one's network as it was, or the test
    images are gone or were learned by that run's model once they had judged it.
    """
    folder = run_of(run.plan.pretrained)
    if folder is None or run.plan.weights != "pretrained" or not Run(folder).finished:
        return None
    earlier = Run(folder)
    source, after = replace(earlier.model, partners=()), run.model.backbone
    if not source.classes or source.base is not None or source.backbone.weights_hash == after.weights_hash:
        return None
    task = task_of(earlier)
    if task is None or task.test is None or learns_test(task, earlier.plan):
        return None
    return forgetting(source, replace(source, backbone=after), task.name, task.test)
