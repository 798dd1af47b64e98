"""Corrupted pictures of a run: which images, the models that predict them, and what is found for each corruption and strength."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.errors import DataError
from headstart.core.progress import progress, silent, stage
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.core.steps import Steps
from headstart.data.corruptions import CORRUPTIONS
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.evaluation.stress import CLEAN, FEWEST_ROWS, PREDICTIONS, Condition, StressRow, stress_row
from headstart.features.store.transient import transient_features
from headstart.methods.model import Model
from headstart.planning.fitting import costs_little, fit_plan, learns_test
from headstart.planning.plan import Plan
from headstart.runs.origin import check_classes, unchanged_task_of
from headstart.runs.run import MODEL, Run
from headstart.workflows.arguments import Data
from headstart.workflows.evaluate import images_to_evaluate

R = TypeVar("R", bound=Record)
Rows = dict[Condition, tuple[StressRow, Path]]
"""What was found for each corruption and strength, and the folder with its predictions; pictures as they are come first."""

MOST_ROWS = 300
"""Images that are made worse, evenly spaced: an accuracy has an interval of 11 points at most, a mean over strengths a narrower
one. With all 97 conditions, 29,100 pictures are looked at."""

ON_DATA = "{count:,} labeled images of {name}, predicted by the model."
ON_TEST = "{count:,} test images, which the model has not learned from, predicted by the model."
WITHOUT_TEST = (
    "{count:,} test images, predicted by a model of the same plan that was fitted without them: the model that is kept has "
    "learned from them since."
)
OUT_OF_FOLD = (
    "{count:,} labeled images, each predicted by a model of the same plan that was fitted without it: there are no test images."
)


class Done(Record):
    """The result of a step whose work is a model."""


class Basis(NamedTuple):
    """Models, each with images that it has not learned from, as `template` says; `name` and `warning` are those of other data."""

    models: list[tuple[Model, ImageSet]]
    template: str
    name: str = ""
    warning: str = ""

    @property
    def num_images(self) -> int:
        """The images of all models."""
        return sum(len(images) for _, images in self.models)

    @property
    def sentence(self) -> str:
        """Which images, and what predicts them."""
        return f"{self.template.format(count=self.num_images, name=self.name)} {self.warning}".rstrip()


class Cache(NamedTuple):
    """Where results are kept, and a folder of steps that is only read, where another run may have kept some."""

    steps: Steps
    known: Path

    def run(
        self, name: str, inputs: dict[str, Any], kind: type[R], make: Callable[[Path], R], is_whole: Callable[[R, Path], bool]
    ) -> tuple[R, Path]:
        """The step's result and its folder; copied if it is known, else as `Steps.run`."""
        stem = self.steps.stem(name, inputs)
        folder, file = self.steps.folder / stem, f"{stem}.json"
        if (self.known / file).exists() and not (self.steps.folder / file).exists():
            if (self.known / stem).exists():
                shutil.copytree(self.known / stem, folder, dirs_exist_ok=True)
            write_atomically(self.steps.folder / file, (self.known / file).read_text(encoding="utf-8"))
        return self.steps.run(name, inputs, kind, make, is_whole), folder

    def has(self, name: str, inputs: dict[str, Any]) -> bool:
        """Whether a step is finished."""
        return (self.steps.folder / f"{self.steps.stem(name, inputs)}.json").exists()


def pictures_of(run: Run, data: Data | None, cache: Cache, plan: Plan | None = None, *, sealed: bool = False) -> Basis:
    """The images that are made worse, with the models that predict them: those of another plan than the run's if one is given.

    With `sealed` the run's test images stay as they are, and its labeled images are predicted out of fold: for a choice.
    """
    check_classes(run, "stress")
    if not provider_of(run.model.backbone.card).takes_pictures:
        raise DataError(f"{run.folder} was fitted on feature vectors, and it is pictures that get worse. Fit a run on images.")
    return _spaced(_basis(run, data, cache, plan, sealed=sealed))


def _basis(run: Run, data: Data | None, cache: Cache, other: Plan | None, *, sealed: bool) -> Basis:
    own = isinstance(data, Task) and data.fingerprint == run.task_summary.task_fingerprint
    plan = (other or run.plan).model_copy(update={"hold_out": False})

    def fitted(task: Task, what: str) -> Model:
        return _fitted(plan, task, what, cache)

    def predicting(what: str) -> Model:
        return run.model if other is None else fitted(unchanged_task_of(run), what)

    if data is not None and not own:
        images, name, warning = images_to_evaluate(run, data)
        return Basis([(predicting("corrupted pictures"), images)], ON_DATA, name, warning)
    task = data if isinstance(data, Task) else unchanged_task_of(run)
    if task.test is not None and not sealed:
        unlearned = not learns_test(task, run.plan)
        model = predicting("test") if unlearned else fitted(task, "test")
        return Basis([(model, task.test)], ON_TEST if unlearned else WITHOUT_TEST)
    if not task.folds:
        raise DataError(
            f"{run.folder} has no labeled image that could be held out. Name labeled images: headstart stress {run.folder} DATA."
        )
    folds = task.folds if costs_little(run.plan) else task.folds[:1]
    models = []
    for place, fold in enumerate(folds):
        model = fitted(task.restricted_to(fold.fit), f"fold {place + 1}")
        models.append((model, task.labeled.take(fold.held_out)))
    return Basis(models, OUT_OF_FOLD)


def _fitted(plan: Plan, task: Task, what: str, cache: Cache) -> Model:
    """The model of a plan for the training rows of a task, fitted once."""
    inputs = {"task": task.fingerprint, "plan": plan.content_fingerprint()}

    def make(folder: Path) -> Done:
        with stage(f"fitting without the images of {what}"):
            fit_plan(task, plan, folder / MODEL, cache.steps, folder / "checkpoints")
        return Done()

    _, folder = cache.run("stress_fit", inputs, Done, make, lambda _, own: (own / MODEL).exists())
    return Model.load(folder / MODEL)


def _spaced(basis: Basis) -> Basis:
    """At most `MOST_ROWS` images, shared among the models by how many they have."""
    total = basis.num_images
    if total < FEWEST_ROWS:
        raise DataError(
            f"{total} labeled images can be made worse, and an accuracy needs {FEWEST_ROWS} or more. Name more labeled images."
        )
    share = min(1.0, MOST_ROWS / total)
    return basis._replace(models=[(model, images.spaced(max(1, round(share * len(images))))) for model, images in basis.models])


def inputs_of(basis: Basis) -> dict[str, Any]:
    """What the results of all conditions depend on."""
    return {"models": [_identity(model) for model, _ in basis.models], "images": [one.fingerprint for _, one in basis.models]}


def of_condition(corruption: str, strength: int) -> dict[str, Any]:
    """The inputs of one condition's step besides."""
    return {"corruption": corruption, "strength": strength}


def rows_of(basis: Basis, names: tuple[str, ...], cache: Cache) -> Rows:
    """What is found for each corruption and strength, read where it is kept."""
    inputs, conditions, found = inputs_of(basis), [(CLEAN, 0), *conditions_of(names)], Rows()
    with progress(len(conditions), "Making pictures worse") as advance:
        for one in conditions:
            with silent(), transient_features():
                found[one] = cache.run("stress", inputs | of_condition(*one), StressRow, partial(_row, basis, *one), _is_whole)
            advance(1)
    return found


def _is_whole(_: StressRow, folder: Path) -> bool:
    return (folder / PREDICTIONS).exists()


def _row(basis: Basis, corruption: str, strength: int, folder: Path) -> StressRow:
    return stress_row(basis.models, corruption, strength, folder)


def conditions_of(names: Sequence[str]) -> Iterator[Condition]:
    """Every strength of those corruptions."""
    for name in names:
        yield from ((name, strength + 1) for strength in range(len(CORRUPTIONS.get(name).levels)))


def _identity(model: Model) -> list[str]:
    """What changes when a model does."""
    heads = [model, *model.partners, *([model.base] if model.base else [])]
    detectors = [one.novelty_detector for one in heads if one.novelty_detector is not None]  # what is flagged depends on them
    named = [*(one.head.arrays() for one in heads), *(one.arrays() for one in detectors)]
    arrays = [hashlib.sha256(np.ascontiguousarray(array).tobytes()) for one in named for array in one.values()]
    settings = fingerprint_of([[one.temperature for one in heads], model.shares])
    return [*(one.weights_hash for one in model.backbones), *(one.hexdigest() for one in arrays), settings]
