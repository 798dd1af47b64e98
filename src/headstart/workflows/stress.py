"""Stress: a run's model on pictures that are made worse, on images that it has not learned from."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from headstart.backbones.catalog import provider_of
from headstart.core.arguments import Texts, checked
from headstart.core.errors import DataError, PlanError, did_you_mean
from headstart.core.progress import progress, silent, stage
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.core.steps import Steps
from headstart.data.corruptions import CORRUPTIONS, all_corruptions
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.evaluation.stress import (
    CLEAN,
    FEWEST_ROWS,
    PREDICTIONS,
    Condition,
    CorruptionMean,
    Stress,
    StressRow,
    common_rows,
    gain_of,
    keys_of,
    mean_of_rows,
    stress_row,
)
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

R = TypeVar("R", bound=Record)
Rows = dict[Condition, tuple[StressRow, Path]]
"""What was found for each corruption and strength, and the folder with its predictions; pictures as they are come first."""

PAGE = "stress.html"
PART, PAGE_OF_PART = "stress_part.json", "stress_part.html"
"""What has fewer corruptions than the `stress.json` that is there, which so stays."""
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


class _Cache(NamedTuple):
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


@checked
def stress(run: AnyRun, data: Data | None = None, *, corruption: Texts = (), against: AnyRun | None = None) -> Stress:
    """Accuracy, calibration and the share flagged as unknown, where pictures get worse in each of many ways.

    The images are those of `data`, or else the run's test images or, without a test, its labeled images out of fold. Each
    corruption and strength is kept in the run's folder as soon as it is done, so that the same call goes on where it was stopped.
    Writes `stress.json` and `stress.html` there, with the corruptions that were tried on the same images before. A `stress.json`
    of more corruptions stays, and `stress_part.json` and `stress_part.html` are written. Without `corruption` all are tried; a
    PlanError lists them. With `against`, another run is tried in the same way, and a paired test says which does better where
    pictures get worse; nothing is written into the other run's folder.
    """
    names, run = _names(many(corruption)), Run.load(run)
    cache = _Cache(Steps(run.folder / "steps"), run.folder / "steps")
    basis = _pictures_of(run, data, cache)
    if against is None:
        rows, gain = _rows(basis, names, cache), None
    else:
        other = Run.load(against)
        theirs = cache._replace(known=other.folder / "steps")
        other_basis = _pictures_of(other, data, theirs)
        shared = common_rows(str(other.folder), keys_of(basis.models), keys_of(other_basis.models))
        rows, others = _rows(basis, names, cache), _rows(other_basis, names, theirs)
        pairs = {condition: (folder, others[condition][1]) for condition, (_, folder) in rows.items()}
        gain = gain_of(str(other.folder), pairs, shared)
    found = _summed(run, basis, rows, names).model_copy(update={"against": gain})
    _write(run, _with_earlier(run, found, basis, names, cache))
    return found


def page_of(run: Run, found: Stress) -> str:
    """The name of the page in the run's folder that shows what was found."""
    earlier = Run(run.folder).stress  # as it is now
    shown = earlier is not None and earlier.clean == found.clean and all(row in earlier.rows for row in found.rows)
    return PAGE if shown else PAGE_OF_PART


def _pictures_of(run: Run, data: Data | None, cache: _Cache) -> _Basis:
    """The images that are made worse, with the models that predict them."""
    check_classes(run, "stress")
    if not provider_of(run.model.backbone.card).takes_pictures:
        raise DataError(f"{run.folder} was fitted on feature vectors, and it is pictures that get worse. Fit a run on images.")
    return _spaced(_basis(run, data, cache))


def _with_earlier(run: Run, found: Stress, basis: _Basis, names: tuple[str, ...], cache: _Cache) -> Stress:
    """The same with the corruptions that were tried on these images before, and the comparison that is kept for all of them."""
    inputs = _inputs(basis)
    every = tuple(
        name
        for name in all_corruptions()
        if name in names or all(cache.has("stress", inputs | _of(*one)) for one in _conditions([name]))
    )
    whole = found if every == names else _summed(run, basis, _rows(basis, every, cache), every)
    earlier = Run(run.folder).stress  # as it is now
    if whole.against is None and earlier is not None and earlier.model_copy(update={"against": None}) == whole:
        return earlier
    return whole


def _names(asked: tuple[str, ...]) -> tuple[str, ...]:
    """The corruptions that were asked for, in the order of all."""
    known = tuple(all_corruptions())
    unknown = next((name for name in asked if name not in known), None)
    if unknown is not None:
        near = did_you_mean(unknown, known)
        raise PlanError(f'"{unknown}" is not a corruption.{near} Known: {", ".join(known)}.')
    return tuple(name for name in known if name in asked) if asked else known


def _basis(run: Run, data: Data | None, cache: _Cache) -> _Basis:
    own = isinstance(data, Task) and data.fingerprint == run.task_summary.task_fingerprint
    if data is not None and not own:
        images, name, warning = images_to_evaluate(run, data)
        return _Basis([(run.model, images)], ON_DATA, name, warning)
    task = data if isinstance(data, Task) else unchanged_task_of(run)
    if task.test is not None and not learns_test(task, run.plan):
        return _Basis([(run.model, task.test)], ON_TEST)
    if task.test is not None:
        return _Basis([(_fitted(run, task, "test", cache), task.test)], WITHOUT_TEST)
    if not task.folds:
        raise DataError(
            f"{run.folder} has no labeled image that could be held out. Name labeled images: headstart stress {run.folder} DATA."
        )
    folds = task.folds if costs_little(run.plan) else task.folds[:1]
    models = []
    for place, fold in enumerate(folds):
        part = task.restricted_to(fold.fit)
        models.append((_fitted(run, part, f"fold {place + 1}", cache), task.labeled.take(fold.held_out)))
    return _Basis(models, OUT_OF_FOLD)


def _fitted(run: Run, task: Task, what: str, cache: _Cache) -> Model:
    """The model of the run's plan for the training rows of a task, fitted once."""
    plan = run.plan.model_copy(update={"hold_out": False})
    inputs = {"task": task.fingerprint, "plan": plan.content_fingerprint()}

    def make(folder: Path) -> Done:
        with stage(f"fitting without the images of {what}"):
            fit_plan(task, plan, folder / MODEL, cache.steps, folder / "checkpoints")
        return Done()

    _, folder = cache.run("stress_fit", inputs, Done, make, lambda _, own: (own / MODEL).exists())
    return Model.load(folder / MODEL)


def _spaced(basis: _Basis) -> _Basis:
    """At most `MOST_ROWS` images, shared among the models by how many they have."""
    total = basis.num_images
    if total < FEWEST_ROWS:
        raise DataError(
            f"{total} labeled images can be made worse, and an accuracy needs {FEWEST_ROWS} or more. Name more labeled images."
        )
    share = min(1.0, MOST_ROWS / total)
    return basis._replace(models=[(model, images.spaced(max(1, round(share * len(images))))) for model, images in basis.models])


def _inputs(basis: _Basis) -> dict[str, Any]:
    """What the results of all conditions depend on."""
    return {"models": [_identity(model) for model, _ in basis.models], "images": [one.fingerprint for _, one in basis.models]}


def _of(corruption: str, strength: int) -> dict[str, Any]:
    return {"corruption": corruption, "strength": strength}


def _rows(basis: _Basis, names: tuple[str, ...], cache: _Cache) -> Rows:
    """What is found for each corruption and strength, read where it is kept."""
    inputs, conditions, found = _inputs(basis), [(CLEAN, 0), *_conditions(names)], Rows()
    with progress(len(conditions), "Making pictures worse") as advance:
        for one in conditions:
            with silent(), transient_features():
                found[one] = cache.run("stress", inputs | _of(*one), StressRow, partial(_row, basis, *one), _is_whole)
            advance(1)
    return found


def _is_whole(_: StressRow, folder: Path) -> bool:
    return (folder / PREDICTIONS).exists()


def _row(basis: _Basis, corruption: str, strength: int, folder: Path) -> StressRow:
    return stress_row(basis.models, corruption, strength, folder)


def _conditions(names: Sequence[str]) -> Iterator[Condition]:
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


def _summed(run: Run, basis: _Basis, found: Rows, names: tuple[str, ...]) -> Stress:
    folders = {condition: folder for condition, (_, folder) in found.items() if condition[0] != CLEAN}
    clean, *rows = (row for row, _ in found.values())
    means = tuple(mean_of_rows(name, {one: own for one, own in folders.items() if one[0] == name}) for name in names)
    mean = mean_of_rows("all corruptions", folders) if len(names) == len(all_corruptions()) else None
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
    workspace, earlier = Workspace(run.folder), Run(run.folder).stress
    if earlier is not None and len(earlier.means) > len(found.means):
        write_atomically(run.folder / PART, found.to_json())
        workspace.vouch_for(PART)
        write_stress(found, run.folder / PAGE_OF_PART)
        return
    workspace.write(found)
    workspace.vouch_for(file_of(Stress))
    write_stress(found, run.folder / PAGE)
    workspace.write_card(run_card(workspace.run, task_of(run)))
