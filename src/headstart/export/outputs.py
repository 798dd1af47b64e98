"""The bundle of a model of several labels or numbers, proven as that of a model of classes is."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.engines.choice import exact_features
from headstart.core.errors import ExportError
from headstart.core.exported import Export, Parity
from headstart.core.parsing import json_document
from headstart.core.progress import stage
from headstart.core.types import UNLABELED, Floats
from headstart.data.images import ImageSet
from headstart.export.bundle import as_export_errors, check_exportable, check_free, indented, put_in_place, write_graph
from headstart.export.formats import FORMATS
from headstart.export.formats.base import INPUT
from headstart.export.outputs_card import outputs_bundle_card
from headstart.export.parity import (
    BATCH,
    LARGEST_DIFFERENCES,
    LEAST_SAME,
    TIED,
    AtOneScale,
    files_of,
    pictures_to_compare,
    predicted_rows,
)
from headstart.export.script import predict_script
from headstart.multioutput.graph import OutputGraph
from headstart.multioutput.model import OutputModel
from headstart.multioutput.origin import unchanged_task_of_outputs
from headstart.multioutput.run import OutputRun
from headstart.multioutput.task import OutputTask
from headstart.runs.manifest import write_sums
from headstart.runs.run import MODEL


def export_outputs(run: OutputRun, to: str, precision: str, out: Path, *, archive: bool = False) -> Export:
    """Write the bundle of a run of outputs, once it has predicted what the model predicts.

    Args:
        run: A finished run on pictures, whose data are still there.
        to: A format.
        precision: One of the format's.
        out: The folder, which must not exist.
        archive: Whether `out` is one zip file with that folder.

    Returns:
        What was written.

    Raises:
        DataError: The run was fitted on feature vectors, or its data are gone or have changed.
        ExportError: The format cannot hold the model, the bundle disagrees with it, or the folder exists or cannot be written.
        PlanError: There is no such format or precision.
        MissingExtraError: A package is not installed.
    """
    kind, model = FORMATS.get(to), run.model
    kind().check(precision)
    check_free(out)
    check_exportable(run.folder, model.networks[0].card)
    task = unchanged_task_of_outputs(run)
    with put_in_place(out, archive) as folder:
        with stage("writing the graph"), as_export_errors(to, folder):
            graph = OutputGraph(model)
            write_graph(kind, graph, folder, precision, task.images.labeled.images)
        _write_about(folder, model, graph, to, precision)
        (folder / "predict.py").write_text(predict_script(kind), encoding="utf-8")
        with stage("predicting with the runtime alone"):
            parity = _parity(folder, OutputModel.load(run.folder / MODEL), task, graph.largest_pixels, kind.runtime)
        _check(parity, precision)
        size = sum(file.stat().st_size for file in folder.glob("model.*"))
        made = Export(folder=str(out), format=to, precision=precision, model_bytes=size, parity=parity)
        (folder / "README.md").write_text(outputs_bundle_card(run, made, kind), encoding="utf-8")
        write_sums(folder)
    return made


def _write_about(folder: Path, model: OutputModel, graph: OutputGraph, to: str, precision: str) -> None:
    """What `predict.py` has to know."""
    about: dict[str, Any] = {
        "format": to,
        "precision": precision,
        "input": INPUT,
        "outputs": graph.output_names,
        "pixels": graph.largest_pixels,
        "kind": model.kind.name(),
        "thresholds": model.thresholds.tolist() if model.kind.noun == "labels" else [],
        "headstart": version("headstart"),
    }
    (folder / "bundle.json").write_text(indented(about) + "\n", encoding="utf-8")
    (folder / "classes.json").write_text(json_document(list(model.outputs)) + "\n", encoding="utf-8")


def _parity(folder: Path, exact: OutputModel, task: OutputTask, pixels: int, runtime: str) -> Parity:
    """How far the bundle agrees with the model by its exact engine, in a fresh process: picture by picture, and in batches."""
    images = pictures_to_compare(task.images)
    shown = AtOneScale(images, pixels)
    with exact_features():
        wanted = exact.values(ImageSet(shown, (), np.full(len(shown), UNLABELED, np.int64), np.arange(len(shown))))
    with tempfile.TemporaryDirectory() as place:
        files = files_of(images, Path(place))
        single, seconds = predicted_rows(folder, files, 1, runtime)
        batched, seconds_batched = predicted_rows(folder, files, BATCH, runtime)
    unit = np.ones(wanted.shape[1]) if exact.kind.noun == "labels" else exact.link.slope
    gaps = np.stack([np.abs(_values_in(rows) - wanted) / unit for rows in (single, batched)])
    same = _num_same(exact, single, wanted, gaps.max(axis=0))
    return Parity(
        num_pictures=len(files),
        num_same=same,
        largest_difference=float(gaps.max()),
        mean_difference=float(gaps.mean()),
        largest_p_difference=None,
        model_milliseconds=1000 * seconds["model"] / len(files),
        batch_milliseconds=1000 * seconds_batched["model"] / len(files),
        reading_milliseconds=1000 * seconds["reading"] / len(files),
    )


def _values_in(rows: list[dict[str, Any]]) -> Floats:
    return np.array([list(row["probs"].values()) if "probs" in row else [row["value"]] for row in rows], np.float64)


def _num_same(model: OutputModel, rows: list[dict[str, Any]], wanted: Floats, gaps: Floats) -> int:
    """Pictures with the same labels, those at their threshold aside; or with a number within the bound of float32."""
    if model.kind.noun == "numbers":
        return int((gaps <= LARGEST_DIFFERENCES["float32"]).all(axis=1).sum())
    said = np.array([[name in row["labels"] for name in model.outputs] for row in rows])
    tied = np.abs(wanted - model.thresholds) < TIED
    return int(((said == (wanted >= model.thresholds)) | tied).all(axis=1).sum())


def _check(parity: Parity, precision: str) -> None:
    """Refuse a bundle that disagrees with its model by more than the precision may lose."""
    bound = LARGEST_DIFFERENCES[precision]
    if parity.num_same >= LEAST_SAME[precision] * parity.num_pictures and parity.largest_difference <= bound:
        return
    advice = "Choose another format with --to" if precision == "float32" else "Choose --precision float32"
    raise ExportError(
        f"The bundle is not the model: {parity.num_same} of {parity.num_pictures} pictures are answered alike, and an output "
        f"differs by up to {parity.largest_difference:.3f}. Nothing was written. {advice}."
    )
