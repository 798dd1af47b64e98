"""Mistakes: where a run's model looks in the images that were wrongly predicted with most confidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.attribution.class_scores import seconds_of
from headstart.attribution.deletion import passes_of_deletion
from headstart.attribution.explanation import ExplainedMistakes, explanations_of
from headstart.attribution.maps.rise import RISE
from headstart.attribution.training_images import compared_member, training_rows
from headstart.backbones.catalog import provider_of
from headstart.core.progress import stage
from headstart.core.records import Record
from headstart.core.types import Integers
from headstart.data.images import Images, ImageSet
from headstart.data.joined import JoinedImages
from headstart.data.task import Task
from headstart.features.extract import num_missing, seconds_an_image
from headstart.methods.model import Model
from headstart.planning.plan import Plan
from headstart.report.pictures import confident_mistakes
from headstart.runs.evaluated_sets import learned_rows
from headstart.runs.workspace import Workspace

MOST_SECONDS = 3.0
"""Predicted time for all maps of a run and the comparison with training images, which takes half of it at most."""
NUM_MASKS = 50
"""Half of those of `headstart explain`. Chosen, not measured."""
CURVE_STEPS = 6
RANDOM_MAPS = 3
"""For deletion curves: fewer than `headstart explain` has, an odd number all the same."""
SECONDS_A_ROW = 5e-4
"""To compare with a training image whose features are known: measured as 0.6 s of processor time for 1,408 of 4,940 values."""
MOST_MISTAKES = 8
NUM_NEAREST = 3
MOST_EXAMPLES = 2_000
"""Training images that are compared, evenly spaced. Bounds time and memory. Chosen, not measured."""
PREDICTIONS = NUM_MASKS + passes_of_deletion(CURVE_STEPS, RANDOM_MAPS)
"""Of variants of one picture."""


class MistakesStep(Record):
    """What was found; None where nothing was predicted wrongly, or no pictures are at hand."""

    mistakes: ExplainedMistakes | None


def write_explained_mistakes(workspace: Workspace, task: Task, plan: Plan) -> None:
    """Write maps of the most confident mistakes of a run, as many as take a few seconds.

    They are those of the model that is kept, for the class that was predicted for an image, out of fold or as a test.
    """

    def make(_: Path) -> MistakesStep:
        return MistakesStep(mistakes=_explained(workspace, task))

    inputs = {"task": task.fingerprint, "plan": plan.to_dict()}
    found = workspace.steps.run("mistakes", inputs, MistakesStep, make)
    if found.mistakes is not None:
        workspace.write(found.mistakes)


def _explained(workspace: Workspace, task: Task) -> ExplainedMistakes | None:
    run, method = workspace.run, RISE(NUM_MASKS)
    predictions = run.predictions
    if predictions is None or not task.classes or not provider_of(run.model.backbone.card).takes_pictures:
        return None
    rows = confident_mistakes(predictions)[:MOST_MISTAKES]
    images, found = _images_named([predictions.names[row] for row in rows], task)
    if not len(found):
        return None
    model = _asked(run.model)
    learned = learned_rows(task, run).spaced(MOST_EXAMPLES)
    comparing = seconds_of_comparing(model, learned)
    seconds, is_compared = PREDICTIONS * seconds_of(model), comparing <= MOST_SECONDS / 2
    num = min(len(found), int((MOST_SECONDS - comparing * is_compared) / max(seconds, 1e-9)))
    if not num:
        return ExplainedMistakes(by="rise", left_out_seconds=seconds)
    with stage("explaining mistakes"):
        known = training_rows(model, learned) if is_compared else None
        labels = predictions.predicted[rows[found[:num]]]
        made = explanations_of(
            model, images.take(np.arange(num)), labels, method, known, NUM_NEAREST, steps=CURVE_STEPS, num_random=RANDOM_MAPS
        )
    member = "" if model is run.model else model.backbone.card.name
    return ExplainedMistakes(by="rise", explanations=made, member=member)


def _asked(model: Model) -> Model:
    """The model, or its cheapest member where so many pictures as are worth a look would take all of them too long."""
    if not model.partners or PREDICTIONS * seconds_of(model) * MOST_MISTAKES <= MOST_SECONDS / 2:
        return model
    return min((replace(model, partners=(), shares=()), *model.partners), key=seconds_of)


def seconds_of_comparing(model: Model, learned: ImageSet) -> float:
    """Predicted seconds to compare pictures with those training images, whose features may have to be made first."""
    backbone = compared_member(model).backbone
    missing = num_missing(learned, backbone)
    return SECONDS_A_ROW * len(learned) + (missing * seconds_an_image(backbone) if missing else 0.0)


def _images_named(names: list[str], task: Task) -> tuple[Images, Integers]:
    """The pictures of those names in a task, and which of the names these are, int64."""
    sources = [one.images for one in (task.test, task.labeled) if one is not None and not one.images.embedded]
    places = {source.name(row): (source, row) for source in reversed(sources) for row in range(len(source))}
    found = [(at, places[name]) for at, name in enumerate(names) if name in places]
    singles = tuple(source.take(np.array([row])) for _, (source, row) in found)
    return JoinedImages(singles), np.array([at for at, _ in found], np.int64)
