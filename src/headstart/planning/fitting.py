"""The final fit of a plan, and the fold model that stands for it where a refit would cost more than it brings."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.backbones.backbone import Backbone
from headstart.backbones.loading import load_backbone
from headstart.core.errors import ExportError, PlanError
from headstart.core.predictions import Predictions
from headstart.core.steps import Steps
from headstart.data.reading import read_task
from headstart.data.sources.task_with_sources import only_sources
from headstart.data.task import Task
from headstart.features.extract import settled
from headstart.methods.model import Model
from headstart.planning.candidate import Candidate, Family
from headstart.planning.cross_validation import cross_validate, fit_rows, fold_inputs
from headstart.planning.detector_fitting import with_detector
from headstart.planning.plan import Plan


def candidate_of(plan: Plan) -> Candidate:
    """The candidate that a plan describes."""
    family: Family = "transfer"
    if plan.weights == "none":
        family = "baseline" if plan.pretrained == "pixels" else "scratch"
    return Candidate(
        family=family,
        pretrained=plan.pretrained,
        weights=plan.weights,
        input_pixels=plan.input_pixels,
        method=plan.method,
        training=plan.training,
        max_rows=plan.max_rows,
        partners=plan.partners,
    )


def task_of_plan(plan: Plan) -> Task:
    """The task that a plan is for, read from where it lies, with the sources that it uses."""
    task = read_task(plan.data, plan.seed, plan.per_class, sources=plan.sources, target=plan.target_domains)
    return task if plan.domains is None else only_sources(task, plan.domains)


def backbone_of(plan: Plan) -> Backbone:
    """The backbone that a plan starts from."""
    return load_backbone(plan.pretrained, plan.weights, plan.input_pixels, plan.seed, plan.mean, plan.std)


def fit_plan(task: Task, plan: Plan, folder: Path, steps: Steps, workspace: Path) -> None:
    """Fit the plan and save the model.

    Args:
        task: The plan's task.
        plan: What to fit.
        folder: Where the model goes.
        steps: Where judged folds lie: a held-out plan's fold model is taken from there when it exists.
        workspace: For checkpoints.

    Raises:
        PlanError: The plan's temperature is not above zero, or its shares are not as many as there are models.
        TrainingError: The fit broke down.
        ExportError: The folder cannot be written.
    """
    if plan.temperature is not None and plan.temperature <= 0:
        raise PlanError(f"plan.toml: temperature = {plan.temperature:g} must be above zero. Mend it or delete the line.")
    if plan.shares and len(plan.shares) != 1 + len(plan.partners):
        wanted = f"{1 + len(plan.partners)}, one for the plan itself and one for each partner"
        raise PlanError(f"plan.toml: shares holds {len(plan.shares)} numbers instead of {wanted}. Mend it or delete the line.")
    candidate = candidate_of(plan)
    backbone = backbone_of(plan)
    rows = task.folds[0].fit if plan.hold_out else np.arange(len(task.labeled))
    validated = _fold_model(task, candidate.alone, backbone, steps) if plan.hold_out else None
    model = fit_rows(task, rows, candidate, backbone, workspace) if validated is None else validated
    if plan.temperature is not None:
        model = replace(model, temperature=plan.temperature)
    partners = []
    own = {_network_of(candidate): backbone} if (plan.mean, plan.std) == (None, None) else {}
    for partner in candidate.of_partners:
        network = _network_of(partner)
        if network not in own:
            own[network] = load_backbone(*network, plan.seed)
        partners.append(fit_rows(task, rows, partner, own[network], None))
    untouched = {backbone.weights_hash, *(one.weights_hash for one in own.values())}
    model = replace(model, partners=tuple(partners), shares=plan.shares)
    held = task.labeled.take(task.folds[0].held) if plan.hold_out else None
    model = with_detector(model, task.restricted_to(rows), untouched, held)
    shown = task.labeled if len(task.labeled) else task.pool
    if not shown.images.embedded:
        settled(shown, model.backbone)  # what has been trained has not been run yet
    try:
        shutil.rmtree(folder, ignore_errors=True)
        model.save(folder)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written ({error.strerror or error}). Choose another folder.") from error


def _network_of(candidate: Candidate) -> tuple[str, str, int | None]:
    return candidate.pretrained, candidate.weights, candidate.input_pixels


def _fold_model(task: Task, candidate: Candidate, backbone: Backbone, steps: Steps) -> Model | None:
    return Model.whole_in(steps.folder / steps.stem("fold", fold_inputs(task, candidate, backbone, 0)) / "model")


def out_of_fold(task: Task, plan: Plan, steps: Steps) -> Predictions:
    """Out-of-fold predictions of a plan: what stands for a test where the task has none.

    Args:
        task: The plan's task.
        plan: What to judge.
        steps: Where judged folds lie.

    Returns:
        One row per held-out image.

    Raises:
        PlanError: A fold broke down.
    """
    validated = cross_validate(task, candidate_of(plan), backbone_of(plan), task.folds, steps)
    if validated.predictions is None:
        raise PlanError(f"{validated.result.name}: {validated.result.reason}")
    return validated.predictions
