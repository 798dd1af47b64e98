"""Stress: a run's model on pictures that are made worse, on images that it has not learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.arguments import Texts, checked
from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.progress import progress, silent, stage
from headstart.core.records import Record, fingerprint_of
from headstart.core.steps import Steps
from headstart.data.corruptions import CORRUPTIONS, all_corruptions
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.evaluation.stress import CLEAN, PREDICTIONS, CorruptionMean, Stress, StressRow, gain_of, mean_of_rows, stress_row
from headstart.export.card import run_card
from headstart.features.store.transient import transient_features
from headstart.methods.model import Model
from headstart.planning.fitting import costs_little, fit_plan, learns_test
from headstart.report.pages import write_stress
from headstart.runs.origin import check_classes, task_of, unchanged_task_of
from headstart.runs.run import MODEL, Run, file_of
from headstart.runs.workspace import Workspace
from headstart.workflows.arguments import AnyRun, Data, many
from headstart.workflows.evaluate import images_to_evaluate

PAGE = "stress.html"
MOST_ROWS = 300
"""Images that are made worse, evenly spaced: an accuracy has an interval of 11 points at most, a mean over strengths a narrower
one. With all 97 conditions, 29,100 pictures are looked at."""
FEWEST_ROWS = 20
"""Images that an accuracy can be measured on: its interval is 40 points wide then."""

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


class _Basis(NamedTuple):
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


@checked
def stress(run: AnyRun, data: Data | None = None, *, corruption: Texts = (), against: AnyRun | None = None) -> Stress:
    """Accuracy, calibration and the share flagged as unknown, where pictures get worse in each of many ways.

    The images are those of `data`, or else the run's test images or, without a test, its labeled images out of fold. Each
    corruption and strength is kept in the run's folder as soon as it is done, so that the same call goes on where it was stopped.
    Writes `stress.json` and `stress.html` there. Without `corruption` all are tried; a PlanError lists them. With `against`,
    another run is tried in the same way, and a paired test says which does better where pictures get worse.
    """
    names, run = _names(many(corruption)), Run.load(run)
    other = None if against is None else Run.load(against)
    found, folders = _stressed(run, data, names)
    if other is not None:
        in_other, others = _stressed(other, data, names)
        _write(other, in_other)
        pairs = [(folder, others[condition]) for condition, folder in folders.items()]
        found = found.model_copy(update={"against": gain_of(str(other.folder), pairs)})
    _write(run, found)
    return found


def _stressed(run: Run, data: Data | None, names: tuple[str, ...]) -> tuple[Stress, dict[tuple[str, int], Path]]:
    """What was found of a run, and the folder with the predictions of each corruption and strength."""
    check_classes(run, "stress")
    if not provider_of(run.model.backbone.card).takes_pictures:
        raise DataError(f"{run.folder} was fitted on feature vectors, and it is pictures that get worse. Fit a run on images.")
    steps = Steps(run.folder / "steps")
    basis = _spaced(_basis(run, data, steps))
    rows, folders = _rows(basis, names, steps)
    return _summed(run, basis, rows, folders, names), folders


def _names(asked: tuple[str, ...]) -> tuple[str, ...]:
    """The corruptions that were asked for, in the order of all."""
    known = tuple(all_corruptions())
    unknown = next((name for name in asked if name not in known), None)
    if unknown is not None:
        near = did_you_mean(unknown, known)
        raise PlanError(f'"{unknown}" is not a corruption.{near} Known: {", ".join(known)}.')
    return tuple(name for name in known if name in asked) if asked else known


def _basis(run: Run, data: Data | None, steps: Steps) -> _Basis:
    own = isinstance(data, Task) and data.fingerprint == run.task_summary.task_fingerprint
    if data is not None and not own:
        images, name, warning = images_to_evaluate(run, data)
        return _Basis([(run.model, images)], ON_DATA, name, warning)
    task = data if isinstance(data, Task) else unchanged_task_of(run)
    if task.test is not None and not learns_test(task, run.plan):
        return _Basis([(run.model, task.test)], ON_TEST)
    if task.test is not None:
        return _Basis([(_fitted(run, task, "test", steps), task.test)], WITHOUT_TEST)
    if not task.folds:
        raise DataError(
            f"{run.folder} has no labeled image that could be held out. Name labeled images: headstart stress {run.folder} DATA."
        )
    folds = task.folds if costs_little(run.plan) else task.folds[:1]
    models = []
    for place, fold in enumerate(folds):
        part = task.restricted_to(fold.fit)
        models.append((_fitted(run, part, f"fold {place + 1}", steps), task.labeled.take(fold.held_out)))
    return _Basis(models, OUT_OF_FOLD)


def _fitted(run: Run, task: Task, what: str, steps: Steps) -> Model:
    """The model of the run's plan for the training rows of a task, fitted once."""
    plan = run.plan.model_copy(update={"hold_out": False})
    inputs = {"task": task.fingerprint, "plan": plan.content_fingerprint()}

    def make(folder: Path) -> Done:
        with stage(f"fitting without the images of {what}"):
            fit_plan(task, plan, folder / MODEL, steps, folder / "checkpoints")
        return Done()

    steps.run("stress_fit", inputs, Done, make)
    return Model.load(steps.folder / steps.stem("stress_fit", inputs) / MODEL)


def _spaced(basis: _Basis) -> _Basis:
    """At most `MOST_ROWS` images, shared among the models by how many they have."""
    total = basis.num_images
    if total < FEWEST_ROWS:
        raise DataError(
            f"{total} labeled images can be made worse, and an accuracy needs {FEWEST_ROWS} or more. Name more labeled images."
        )
    share = min(1.0, MOST_ROWS / total)
    return basis._replace(models=[(model, images.spaced(max(1, round(share * len(images))))) for model, images in basis.models])


def _rows(basis: _Basis, names: tuple[str, ...], steps: Steps) -> tuple[list[StressRow], dict[tuple[str, int], Path]]:
    """A row for each corruption and strength, pictures as they are first, and the folder with its predictions."""
    inputs = {"models": [_identity(model) for model, _ in basis.models], "images": [one.fingerprint for _, one in basis.models]}
    conditions = [(CLEAN, 0), *_conditions(names)]
    found, folders = list[StressRow](), dict[tuple[str, int], Path]()
    with progress(len(conditions), "Making pictures worse") as advance:
        for corruption, strength in conditions:
            own = inputs | {"corruption": corruption, "strength": strength}
            with silent(), transient_features():
                made = steps.run("stress", own, StressRow, partial(_row, basis, corruption, strength), _is_whole)
            folders[corruption, strength] = steps.folder / steps.stem("stress", own)
            found.append(made)
            advance(1)
    return found, folders


def _is_whole(_: StressRow, folder: Path) -> bool:
    return (folder / PREDICTIONS).exists()


def _row(basis: _Basis, corruption: str, strength: int, folder: Path) -> StressRow:
    return stress_row(basis.models, corruption, strength, folder)


def _conditions(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        yield from ((name, strength + 1) for strength in range(len(CORRUPTIONS.get(name).levels)))


def _identity(model: Model) -> list[str]:
    """What changes when a model does."""
    heads = [model, *model.partners, *([model.base] if model.base else [])]
    arrays = [hashlib.sha256(np.ascontiguousarray(array).tobytes()) for one in heads for array in one.head.arrays().values()]
    settings = fingerprint_of([[one.temperature for one in heads], model.shares])
    return [*(one.weights_hash for one in model.backbones), *(one.hexdigest() for one in arrays), settings]


def _summed(
    run: Run, basis: _Basis, found: list[StressRow], folders: dict[tuple[str, int], Path], names: tuple[str, ...]
) -> Stress:
    clean, *rows = found
    means = tuple(mean_of_rows(name, (folder for (own, _), folder in folders.items() if own == name)) for name in names)
    everything = len(names) == len(all_corruptions())
    of_all = (folder for (name, _), folder in folders.items() if name != CLEAN)
    mean = mean_of_rows("all corruptions", of_all) if everything else None
    return Stress(
        run=str(run.folder),
        num_images=basis.num_images,
        basis=basis.sentence,
        clean=clean,
        rows=tuple(rows),
        means=means,
        mean=mean,
        sentence=_sentence(clean, means, mean),
    )


def _sentence(clean: StressRow, means: tuple[CorruptionMean, ...], mean: CorruptionMean | None) -> str:
    worst = min(means, key=lambda one: one.accuracy.value)
    title = CORRUPTIONS.get(worst.name).title
    ends = f"[{worst.accuracy.low:.1%}, {worst.accuracy.high:.1%}]"
    start = f"Accuracy is {clean.accuracy.value:.1%} on the pictures as they are"
    over = f", {mean.accuracy.value:.1%} [{mean.accuracy.low:.1%}, {mean.accuracy.high:.1%}] over all corruptions" if mean else ""
    return f"{start}{over}, and lowest under {title}: {worst.accuracy.value:.1%} {ends} over its strengths."


def _write(run: Run, found: Stress) -> None:
    workspace = Workspace(run.folder)
    workspace.write(found)
    workspace.vouch_for(file_of(Stress))
    write_stress(found, run.folder / PAGE)
    workspace.write_card(run_card(workspace.run, task_of(run)))
