"""Pretraining on a source domain of one's own: the outcome is a run whose backbone can be transferred from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.backbones.catalog import card_of, provider_of
from headstart.backbones.input_size import input_pixels_for
from headstart.backbones.lineage import Lineage, lineage_of
from headstart.backbones.pretrained import AnyWeights, Name, Pretrained, name_of
from headstart.backbones.providers.own_runs import register_run, run_of
from headstart.core.arguments import AnyPath, Texts, checked
from headstart.core.dropping import noting_drops
from headstart.core.errors import DataError, PlanError
from headstart.core.progress import about, note, stage
from headstart.core.records import Record
from headstart.core.steps import Steps
from headstart.data.channel_statistics import channel_statistics
from headstart.data.sources.pretraining_source import raw_source, source_task
from headstart.data.task import Task
from headstart.data.transforms import Transform
from headstart.methods import method_from
from headstart.methods.base import Method, check_needs, settings_of
from headstart.planning.costs import seconds_of_fit
from headstart.planning.fitting import backbone_of, candidate_of
from headstart.planning.limits import check_memory
from headstart.planning.plan import Plan
from headstart.runs.provenance import images_of
from headstart.runs.run import Findings, Run
from headstart.runs.workspace import Workspace
from headstart.tracking.session import trackers_named
from headstart.training.budget import pretraining_training, scratch_training
from headstart.training.settings import Training
from headstart.workflows.arguments import Place, split_settings
from headstart.workflows.cluster import check_processes, training_on_cluster
from headstart.workflows.fit import finish, fit_and_evaluate
from headstart.workflows.track import tracked_run

SUPERVISED = "supervised"
WITHOUT_LABELS = "sim_clr"
"""What is done where there are no labels and no method is named."""
LEAST_IMAGES = 64
MOST_EPOCHS = 1_000
FITTING_SHARE = 0.9
"""Of the minutes, for training; the rest is for reading, the head and the evaluation."""


class Request(Record):
    """What the user asked for; without a method it depends on whether there are labels."""

    place: str
    method: str | None = None
    pretrained: str = "small_cnn"
    weights: str = "none"
    minutes: float | None = None
    settings: dict[str, Any] = {}
    seed: int = 0


@checked
@noting_drops()
def pretrain(
    source: Place,
    *,
    method: str | None = None,
    pretrained: Name | None = None,
    weights: AnyWeights | None = None,
    minutes: float | None = None,
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    out: AnyPath | None = None,
    track: Texts = (),
    cluster: str | None = None,
    processes: int | None = None,
) -> Run:
    """Train a backbone on a source domain, and list it among the models.

    Started again with the same request, a pretraining that was killed goes on. Where the source has classes, a head on them is
    fitted too, and its accuracy on held-out pictures is the run's evaluation.

    The method is "supervised", or any that trains a network; by default "supervised" where there are two classes, else "sim_clr".
    Without `pretrained` the small network is trained from scratch. Methods that need no labels use all of the minutes, unless the
    number of epochs is set. On a `cluster`, "auto" or ray://HOST:PORT, this process and others there train the network together,
    `processes` of them in all; only this one needs to see the pictures. The other arguments are those of all verbs; see
    `headstart.workflows`.
    """
    trackers = trackers_named(track)
    check_processes(cluster, processes)
    card = card_of(name_of(pretrained or "small_cnn"))
    fresh = "none" if provider_of(card).trainable_only else "pretrained"
    request = Request(
        place=str(source), method=method, pretrained=card.name, weights=str(weights or fresh), minutes=minutes,
        settings=settings or {}, seed=seed,
    )  # fmt: skip
    _training_with(request, Training())
    if method is not None:
        _method_of(request, method)
    with stage("reading the data"):
        task = source_task(request.place, seed)
    kind = method or (SUPERVISED if task.classes else WITHOUT_LABELS)
    chosen = _method_of(request, kind)
    _check_source(task, kind, chosen, named=method is not None)
    workspace = Workspace.named(out, Path("runs") / task.name, [request.to_dict(), task.fingerprint])
    workspace.claim_request("pretraining", request, task)
    inputs = {"request": request.to_dict(), "task": task.fingerprint}
    with tracked_run(trackers, workspace.folder):
        with stage("planning"):
            plan = workspace.steps.run("plan", inputs, Plan, lambda _: _planned(task, card, chosen, request))
        workspace.write(Findings(findings=task.findings))
        with training_on_cluster(None if workspace.run.evaluation else cluster, processes):
            return _pretrained(workspace, task, plan)


def _pretrained(workspace: Workspace, task: Task, plan: Plan) -> Run:
    """The run of a plan, trained, evaluated and listed among the models."""
    if workspace.run.evaluation is None:
        note(_announcement(task, plan, workspace.steps))
    fit_and_evaluate(task, plan, workspace.folder)
    workspace.write(_lineage(task, plan))
    register_run(workspace.folder)
    return finish(workspace, task, images_of(task))


def _announcement(task: Task, plan: Plan, steps: Steps) -> str:
    """What the training will take, said before it begins."""
    method = method_from(plan.method)
    pictures = task.pool if method.label_free else task.labeled
    seconds = seconds_of_fit(candidate_of(plan), task, backbone_of(plan), steps)  # kept: a restart does not measure again
    return (
        f"Training {plan.pretrained} by {method.kind()} on {len(pictures):,} pictures for {plan.training.epochs} epochs: "
        f"{about(seconds)}. After Ctrl-C the same command goes on; --minutes M bounds it."
    )


def _method_of(request: Request, kind: str) -> Method:
    """The method with its settings."""
    chosen, _ = split_settings(request.settings)
    method = method_from({"kind": "fine_tune" if kind == SUPERVISED else kind, **chosen}, "--set")
    if method.cost != "gradient":
        raise PlanError(f"{kind} trains no network. Choose supervised, sim_clr or another: `headstart methods` lists all.")
    return method


def _check_source(task: Task, kind: str, method: Method, *, named: bool) -> None:
    if not method.label_free and not task.classes:
        raise DataError(
            f"{kind} needs labels of at least two classes, and {task.place} has fewer. "
            "Sort the pictures into one folder a class, or choose sim_clr, which needs none."
        )
    check_needs(method, task)
    num_images = len(task.pool if method.label_free else task.labeled)
    if num_images < LEAST_IMAGES:
        one = next((finding.evidence["classes"][0] for finding in task.findings if finding.code == "one-class"), None)
        chosen = "" if one is None or named else f'With one class only ("{one}") labels teach nothing, so {kind} was chosen. '
        raise DataError(
            f"{task.place}: {_remaining(task, method, num_images)} are too few to pretrain on; "
            f"at least {LEAST_IMAGES} are needed. {chosen}Add pictures, or transfer from a model that `headstart models` lists."
        )


def _remaining(task: Task, method: Method, num_images: int) -> str:
    """How many pictures there are to learn from, of how many, and where the others went."""
    raw = raw_source(task.place)
    if task.classes:
        held_out = [task.test, task.validation] if method.label_free else [task.test]
        num_held_out = sum(len(part) for part in held_out if part)
    else:
        num_held_out = sum(split in ("test", "validation") for split in raw.splits)
    num_unlabeled = len(task.unlabeled) if task.unlabeled and not method.label_free else 0
    num_other = len(raw.images) - num_images - num_held_out - num_unlabeled
    counts = {"held out": num_held_out, "without a label": num_unlabeled, "left out as copies or unusable": num_other}
    gone = ", ".join(f"{count} {why}" for why, count in counts.items() if count > 0)
    return f"{num_images} of {len(raw.images)} pictures ({gone})" if gone else f"{num_images} pictures"


def _planned(task: Task, card: Pretrained, method: Method, request: Request) -> Plan:
    """The plan of the request, with as many epochs as its minutes allow."""
    pixels, from_scratch = input_pixels_for(card, task), request.weights == "none"
    mean, std = channel_statistics(task.pool, Transform(pixels=pixels), task.seed) if from_scratch else (None, None)
    training = Training(seed=task.seed)
    if method.label_free:
        training = pretraining_training(len(task.pool), task.seed)
    elif from_scratch:
        training = scratch_training(len(task.labeled), pixels, task.seed)
    training = _training_with(request, training)
    plan = Plan(
        data=task.place, seed=task.seed, pretrained=card.name, weights=request.weights, input_pixels=pixels, mean=mean, std=std,
        method=settings_of(method), training=training, test=task.test_share,
    )  # fmt: skip
    if request.minutes is None:
        return plan
    # Each further epoch helps a method without labels; one with labels has enough of them, and the user may have set the number.
    most = MOST_EPOCHS if method.label_free and "training.epochs" not in request.settings else training.epochs
    check_memory(candidate_of(plan), task, len(task.pool if method.label_free else task.labeled), backbone_of(plan))
    seconds = method.predicted_seconds(task, backbone_of(plan), training)
    affordable = int(training.epochs * FITTING_SHARE * 60 * request.minutes / seconds)
    return plan.model_copy(update={"training": training.model_copy(update={"epochs": max(1, min(affordable, most))})})


def _training_with(request: Request, usual: Training) -> Training:
    """The usual training with the fields that the user set."""
    chosen = split_settings(request.settings)[1]
    return Training.from_dict({**usual.to_dict(), **chosen}, "--set training")


def _lineage(task: Task, plan: Plan) -> Lineage:
    pictures = task.pool if method_from(plan.method).label_free else task.labeled
    mean, std = channel_statistics(pictures, Transform(pixels=plan.input_pixels), task.seed)
    begun = plan.weights != "none"
    earlier = run_of(plan.pretrained)
    return Lineage(
        source=task.name, place=task.place, task_fingerprint=task.fingerprint, num_images=len(pictures), classes=task.classes,
        method=plan.method["kind"], epochs=plan.training.epochs, started_from=plan.pretrained if begun else "", mean=mean,
        std=std, before=lineage_of(earlier) if begun and earlier else None,
    )  # fmt: skip
