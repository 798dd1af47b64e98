"""Several labels and numbers: what the verbs do with data and runs of such outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.pretrained import Names
from headstart.core.arguments import AnyPath
from headstart.core.dropping import noting_drops
from headstart.core.errors import DataError, did_you_mean
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import UNLABELED, Integers
from headstart.data.given_images import GivenImages
from headstart.data.images import ImageSet
from headstart.data.outputs import MEANT
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import read_numbers, reader_for
from headstart.data.scan import scan
from headstart.evaluation.out_of_fold import SPLIT as OUT_OF_FOLD
from headstart.export.outputs_card import outputs_card
from headstart.multioutput.evaluating import evaluated_on, predictions_of
from headstart.multioutput.making import OutputRequest, run_outputs
from headstart.multioutput.origin import manifest_of_outputs
from headstart.multioutput.predicting import predict_outputs
from headstart.multioutput.records import OutputEvaluation
from headstart.multioutput.run import OutputRun
from headstart.multioutput.slicing import with_output_slices
from headstart.multioutput.task import OutputTask
from headstart.report.outputs import report_values
from headstart.report.pages import page_of
from headstart.runs.learned_images import learned_warning
from headstart.runs.provenance import images_of
from headstart.runs.workspace import REPORT, Workspace
from headstart.workflows.arguments import AnyRun, Data, many, place_of
from headstart.workflows.rank import cards_named
from headstart.workflows.task_given import refuse


def run_of_outputs(
    task: OutputTask,
    *,
    pretrained: Names,
    weights: str,
    minutes: float | None,
    only: str | None,
    out: AnyPath | None,
    other: dict[str, Any],
) -> OutputRun:
    """The whole chain for several labels or numbers, with its report; `other` are options that have no meaning for them."""
    refuse(task.kind.noun, other)
    request = OutputRequest(
        place=task.images.place,
        kind=task.kind.name(),
        numbers=task.column,
        pretrained=many(pretrained),
        weights=weights,
        only=only,
        seed=task.images.seed,
        test=task.images.test_share,
        targets=task.fingerprint,
    )
    with noting_drops():
        run = run_outputs(task, cards_named(pretrained, task.images), request, out, minutes)
        workspace = Workspace(run.folder)
        report_of_outputs(run, has_manifest=True)
        if run.manifest is None:
            images = images_of(task.images)
            workspace.write_manifest(images, manifest_of_outputs(run, images))
    return run


def report_of_outputs(run: OutputRun, *, has_manifest: bool) -> Path:
    """The file of the run's report, written again as the model card is; that names the manifest where there is or will be one."""
    workspace = Workspace(run.folder)
    workspace.write_card(outputs_card(run, has_manifest=has_manifest))
    workspace.write_report(page_of("outputs", **report_values(run)))
    return workspace.path(REPORT)


def predict_with_outputs(run: AnyRun, images: GivenImages, interval: float | None, other: dict[str, Any]) -> PredictionRows:
    """What a run of outputs says about images; `other` are options that have no meaning for it."""
    loaded = OutputRun.load(run)
    refuse(loaded.model.kind.noun, other)
    return predict_outputs(loaded.model, images, interval)


def evaluate_outputs(run: AnyRun, data: Data | None) -> OutputEvaluation:
    """The evaluation of a run of outputs, or that of its model on the labeled images of other data."""
    loaded = OutputRun.load(run)
    if data is None:
        return loaded.evaluation
    model, place = loaded.model, place_of(data)
    raw = read_numbers(place, loaded.summary.column) if loaded.summary.column else reader_for(place).read(place)
    kind = model.kind
    if raw.outputs != kind.name() and not (raw.outputs == "" and kind.noun == "labels"):
        raise DataError(
            f"{raw.name} holds {MEANT.get(raw.outputs, 'classes')}, and the run predicts {kind.noun}. Give such data."
        )
    wanted = ("test",) if "test" in raw.splits else ("", "train", "validation")
    problems = scan(raw.images).problems
    labeled = [row for row, label in enumerate(raw.labels) if label is not None and raw.splits[row] in wanted]
    rows = np.array([row for row in labeled if not problems[row]], np.int64)
    if not len(rows):
        raise DataError(f"{raw.name} holds no readable image with {kind.noun}. Evaluate on labeled images.")
    domains, given = (tuple(names[row] for row in rows) for names in (raw.domains, raw.groups))
    unlabeled = np.full(len(rows), UNLABELED, np.int64)
    images = ImageSet(raw.images.take(rows), (), unlabeled, _groups_of(raw, rows), domains, given_groups=given)
    cells = [str(raw.labels[row]) for row in rows]
    _check_known(loaded, kind.outputs_in(cells) if kind.noun == "labels" else (), raw.name)
    targets = kind.targets(cells, model.outputs)
    predictions = predictions_of(model, images, targets)
    evaluation = evaluated_on(model, predictions, loaded.summary, raw.name)
    evaluation = with_output_slices(evaluation, predictions, images, model)
    own = loaded.predictions.names if loaded.evaluation.split == OUT_OF_FOLD else ()
    in_place = isinstance(place, str) and bool(loaded.summary.place)
    warning = learned_warning(loaded.folder, images, own, in_place=in_place)
    return evaluation.model_copy(update={"protocol": f"{evaluation.protocol} {warning}".rstrip()})


def _check_known(run: OutputRun, names: tuple[str, ...], place: str) -> None:
    """Refuse labels that the run has not met; those that were too rare to learn count as met."""
    met = {*run.model.outputs, *(name for one in run.findings for name in one.evidence.get("labels", ()))}
    unknown = [name for name in names if name not in met]
    if unknown:
        near = did_you_mean(unknown[0], run.model.outputs)
        known = ", ".join(run.model.outputs)
        raise DataError(f'{place}: the label "{unknown[0]}" is none of the run.{near} Its labels are {known}; rename it.')


def _groups_of(raw: RawDataset, rows: Integers) -> Integers:
    """The number of each row's group; a row without one is its own."""
    names = [raw.groups[row] or f"row {row}" for row in rows]
    return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)
