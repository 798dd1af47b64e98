"""The final fit of a plan, and the fold model that stands for it where a refit would cost more than it brings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.curves import training_of
from headstart.core.errors import ExportError, PlanError, TrainingError
from headstart.core.executing import Work, executor
from headstart.core.predictions import Predictions
from headstart.core.records import fingerprint_of
from headstart.core.steps import Steps
from headstart.core.types import Integers
from headstart.data.images import ImageSet
from headstart.data.outputs import named_with_separator
from headstart.data.reading import read_task
from headstart.data.sources.source_classes import only_source_classes
from headstart.data.sources.task_with_sources import only_sources
from headstart.data.task import Task
from headstart.features.prediction_engine import settle_prediction_engine
from headstart.features.sent_features import SentFeatures, receive
from headstart.methods.model import Model
from headstart.novelty.detector import fit_detector
from headstart.planning.candidate import Candidate, ensemble_of, family_of
from headstart.planning.cross_validation import (
    MODEL,
    CrossValidated,
    FoldRecord,
    cross_validate,
    fit_rows,
    fold_inputs,
    fold_model,
    num_finished,
    resources_of_fit,
    rows_for,
    shared_arguments,
)
from headstart.planning.label_errors import without_label_errors
from headstart.planning.plan import Partner, Plan, is_gradient

ENOUGH_HELD_OUT = 600
"""Held-out rows that judge what is trained: the standard error of an accuracy is then 2 points at most."""


def candidate_of(plan: Plan) -> Candidate:
    """The candidate that a plan describes; the temperatures of its partners are no part of it."""
    partners = tuple(partner.model_copy(update={"temperature": None}) for partner in plan.partners)
    return ensemble_of(Candidate(family=family_of(plan), **{**plan.recipe, "partners": ()}), partners)


def task_of_plan(plan: Plan, classes: tuple[str, ...] = ()) -> Task:
    """The task that a plan is for, read from where it lies, with the sources that it uses; `classes` are what it is to have."""
    task = read_task(
        plan.data, plan.seed, plan.per_class, test=plan.test, sources=plan.sources, target=plan.target_domains,
        leave_domain_out=plan.leave_domain_out, one_class=named_with_separator(classes),
    )  # fmt: skip
    return task_as_planned(plan, task)


def task_as_planned(plan: Plan, task: Task) -> Task:
    """The part of a task that a plan uses: without label errors where it leaves them out, with the sources that it uses."""
    return with_sources_of(plan, without_label_errors(task) if plan.without_label_errors else task)


def with_sources_of(plan: Plan, task: Task) -> Task:
    """The task with the sources, and of these the classes, that a plan uses."""
    task = task if plan.domains is None else only_sources(task, plan.domains)
    return task if plan.source_classes is None else only_source_classes(task, plan.source_classes)


def backbone_of(plan: Plan) -> Backbone:
    """The backbone that a plan starts from."""
    return load_backbone(plan.pretrained, plan.weights, plan.input_pixels, plan.seed, plan.mean, plan.std)


def refits(task: Task) -> bool:
    """Whether the final model of what is trained is fitted anew to all rows; with one held-out fold of many rows it is not."""
    return len(task.folds) != 1 or task.validation is not None


def to_its_end(task: Task, plan: Plan) -> Plan:
    """The plan with all steps of its schedule where time had ended its training; it then learns from all rows again if few."""
    if not plan.training.stop_after:
        return plan
    training = plan.training.model_copy(update={"stop_after": 0})
    return plan.model_copy(update={"training": training, "hold_out": plan.hold_out and not refits(task)})


def rows_of_plan(task: Task, plan: Plan) -> Integers:
    """The rows of `task.labeled` that a plan may be fitted to: all, or those that the first fold does not hold out."""
    return task.folds[0].fit if plan.hold_out else np.arange(len(task.labeled))


def fitted_rows(task: Task, plan: Plan) -> Integers:
    """The rows of `task.labeled` that a plan's model is fitted to: of `rows_of_plan`, `max_rows` at most."""
    return rows_for(candidate_of(plan), task, rows_of_plan(task, plan))


def costs_little(plan: Plan) -> bool:
    """Whether fitting a plan anew costs little beside its features: closed forms on all rows do."""
    return not plan.is_trained and plan.max_rows is None


def learns_test(task: Task, plan: Plan) -> bool:
    """Whether the model is fitted to the test rows too, once they have judged it: where nobody asked for them, at little cost."""
    return task.test_by_default and costs_little(plan)


def cross_validated_plan(
    task: Task, plan: Plan, steps: Steps, num_folds: int | None = None, *, keep_models: bool = False
) -> CrossValidated:
    """How a plan does on the first folds, all of them for None; see `cross_validate`."""
    folds = task.folds[:num_folds]
    return cross_validate(task, candidate_of(plan), backbone_of(plan), folds, steps, plan.shares, keep_models=keep_models)


def out_of_fold(task: Task, plan: Plan, steps: Steps) -> Predictions:
    """Out-of-fold predictions of a plan, one row per held-out image: what stands for a test where the task has none.

    Closed forms are fitted to every fold. What is trained is judged by the folds that it was fitted to where it was chosen, else
    by as many as hold out ENOUGH_HELD_OUT rows; where domains are left out, by all.

    Raises `PlanError` where a fold broke down.
    """
    num_folds = None
    if plan.is_trained and not task.leave_domain_out:
        enough = -(-ENOUGH_HELD_OUT // len(task.folds[0].held_out))
        num_folds = num_finished(task, candidate_of(plan), backbone_of(plan), steps) or enough
    validated = cross_validated_plan(task, plan, steps, num_folds)
    if validated.predictions is None:
        raise PlanError(f"{validated.result.name}: {validated.result.reason}")
    return validated.predictions


def fit_plan(task: Task, plan: Plan, folder: Path, steps: Steps, workspace: Path) -> None:
    """Fit the plan and save the model into a folder; checkpoints go into the workspace.

    Models of folds are taken from the steps where they are kept there. Raises `PlanError` where the plan's temperature is not
    above zero or its shares are not as many as there are models, `TrainingError` where the fit breaks down, and `ExportError`
    where the folder cannot be written.
    """
    _check(plan)
    model = _fitted(task, plan, steps, workspace)
    shown = task.labeled if len(task.labeled) else task.pool
    if not shown.images.embedded:
        for backbone in model.backbones:
            settle_prediction_engine(shown, backbone)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        model.save(folder)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written ({error.strerror or error}). Choose another folder.") from error


def _check(plan: Plan) -> None:
    if plan.temperature is not None and plan.temperature <= 0:
        raise PlanError(f"plan.toml: temperature = {plan.temperature:g} must be above zero. Mend it or delete the line.")
    if plan.shares and len(plan.shares) != 1 + len(plan.partners):
        wanted = f"{1 + len(plan.partners)}, one for the plan itself and one for each partner"
        raise PlanError(f"plan.toml: shares holds {len(plan.shares)} numbers instead of {wanted}. Mend it or delete the line.")


def _fitted(task: Task, plan: Plan, steps: Steps, workspace: Path) -> Model:
    own, *others = candidate_of(plan).members
    backbone, rows = backbone_of(plan), rows_of_plan(task, plan)
    backbones = {_network_of(own): backbone} if (plan.mean, plan.std) == (None, None) else {}

    def fitted(member: Candidate, own: Backbone, said: Plan | Partner, place: Path) -> list[Model]:
        count = 1 if plan.hold_out else min(said.fold_models, len(task.folds)) if said.fold_models else 0
        models = [fold_model(task, member, own, index, steps) for index in range(count)]
        if not models:
            with training_of(member.own_name), training_of("final fit"):
                models = [fitted_to(task, rows, member, own, place, steps)]
        return models if said.temperature is None else [replace(one, temperature=said.temperature) for one in models]

    members = [fitted(own, backbone, plan, workspace)]
    for place, (member, partner) in enumerate(zip(others, plan.partners, strict=True)):
        network = _network_of(member)
        if network not in backbones:
            backbones[network] = load_backbone(*network, plan.seed)
        members.append(fitted(member, backbones[network], partner, workspace / "partners" / str(place)))
    untouched = {backbone.weights_hash, *(one.weights_hash for one in backbones.values())}
    model = _together(members, plan.shares)
    all_trained = not untouched & {one.weights_hash for one in model.backbones}
    if not plan.hold_out and not (all_trained and plan.fold_models):
        return with_detector(model, task.restricted_to(rows), untouched)
    fold = task.folds[0]  # the first model has not learned from what it holds out
    return with_detector(model, task.restricted_to(fold.fit), untouched, task.labeled.take(fold.held_out))


def fitted_to(task: Task, rows: Integers, candidate: Candidate, backbone: Backbone, workspace: Path, steps: Steps) -> Model:
    """As `fit_rows`, of what is trained where works run: elsewhere it is a step, whose model comes back."""
    if not executor().is_remote or not is_gradient(candidate.method):
        return fit_rows(task, rows, candidate, backbone, workspace)
    inputs = {**fold_inputs(task, candidate, backbone, -1), "rows": fingerprint_of(rows.tolist())}
    arguments = (*shared_arguments(task, candidate, backbone), candidate, rows)
    work = Work(make_model, arguments, f"{candidate.own_name}, final fit", resources_of_fit(backbone, len(rows)))
    record = steps.run("trained", inputs, FoldRecord, work)
    if record.failure:
        steps.forget(("trained",), inputs)
        raise TrainingError(record.failure)
    return Model.load(steps.folder / steps.stem("trained", inputs) / MODEL)


def make_model(
    folder: Path, task: Task, backbone: Backbone, sent: SentFeatures | None, candidate: Candidate, rows: Integers
) -> FoldRecord:
    """Fit a candidate to those rows of `task.labeled`, and save its model into a folder."""
    begun = time.perf_counter()
    receive(sent, backbone)
    try:
        fit_rows(task, rows, candidate, backbone, folder).save(folder / MODEL)
    except (TrainingError, np.linalg.LinAlgError) as error:
        return FoldRecord(seconds=time.perf_counter() - begun, failure=str(error))
    return FoldRecord(seconds=time.perf_counter() - begun)


def _together(members: list[list[Model]], shares: tuple[float, ...]) -> Model:
    """One model of those of all members, which share what counts of their member's alike.

    With 200 pictures of Fashion-MNIST the models of five folds of LP-FT together are right on 82.2 % of test rows, one fitted to
    all rows on 80.0 %, and one with the mean of the weights of the five on 78.9 %; log loss 0.553, 0.615 and 0.638. Beside
    ridge on three networks it is 0.489, 0.499 and 0.508 (one draw; `python -m benchmarks.fine_tuning --refit 1`).

    Reference: Breiman, "Bagging Predictors", Machine Learning 1996.
    Differs: each model misses the rows of its fold, in place of what a bootstrap sample leaves out.
    """
    first, *others = (model for models in members for model in models)
    if len(others) >= len(members):
        shares = shares or (1 / len(members),) * len(members)
        shares = tuple(share / len(models) for share, models in zip(shares, members, strict=True) for _ in models)
    return replace(first, partners=tuple(others), shares=shares)


def _network_of(candidate: Candidate) -> tuple[str, str, int | None]:
    return candidate.pretrained, candidate.weights, candidate.input_pixels


def with_detector(model: Model, task: Task, untouched: Collection[str], held_out: ImageSet | None = None) -> Model:
    """The model with a novelty detector on one of its networks; the same model where there is too little to fit one to.

    That is a network that was not trained (`untouched` holds the hashes of those), where there is one among the model, what it
    corrects and its partners: images that a network was trained on are more alike in its features than new images are. Labeled
    images that were left out of the fit calibrate it.
    """
    if not task.classes:
        return model
    if model.backbone.weights_hash not in untouched:
        if model.base is not None and model.base.backbone.weights_hash in untouched:
            return replace(model, base=with_detector(model.base, task, untouched, held_out))
        for place, partner in enumerate(model.partners):
            if partner.backbone.weights_hash in untouched:
                own = with_detector(partner, task, untouched, held_out)
                return replace(model, partners=(*model.partners[:place], own, *model.partners[place + 1 :]))
    return replace(model, novelty_detector=fit_detector(task, model.backbone, held_out))
