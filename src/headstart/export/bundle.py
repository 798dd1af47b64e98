"""Bundle: a folder with a model's graph, a script that predicts with it, and a model card; put in place once it is proven."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from headstart.backbones.pretrained import Pretrained
from headstart.core.durable import sync_folder, sync_tree
from headstart.core.errors import DataError, ExportError, HeadstartError
from headstart.core.exported import Export
from headstart.core.parsing import json_document
from headstart.core.progress import stage
from headstart.core.spacing import evenly_spaced
from headstart.core.types import Bytes
from headstart.core.unfinished import sweep, taking_place, unfinished_folder
from headstart.data.images import Images
from headstart.data.task import Task
from headstart.evaluation.conformal import set_steps
from headstart.export.archive import write_archive
from headstart.export.card import model_card
from headstart.export.formats import FORMATS
from headstart.export.formats.base import INPUT, Format
from headstart.export.parity import NUM_PICTURES, check, expected, measured_parity, pictures_to_compare
from headstart.export.script import predict_script
from headstart.features.graph_features import PictureGraph
from headstart.methods.model import Model
from headstart.methods.model_graph import ModelGraph
from headstart.novelty.detector import UNUSUAL
from headstart.runs.calibrated import calibration_in
from headstart.runs.manifest import write_sums
from headstart.runs.run import MODEL, Run


def export_bundle(run: Run, task: Task, to: str, precision: str, out: Path, *, archive: bool = False) -> Export:
    """Write the bundle of a run's model, once it has predicted what the model predicts.

    Args:
        run: A finished run on pictures.
        task: What it was fitted to, whose pictures are compared.
        to: A format.
        precision: One of the format's.
        out: The folder, which must not exist.
        archive: Whether `out` is one zip file with that folder.

    Returns:
        What was written.

    Raises:
        ExportError: The format cannot hold the model, the bundle disagrees with it, or the folder exists or cannot be written.
        PlanError: There is no such format or precision.
        MissingExtraError: A package is not installed.
    """
    kind = FORMATS.get(to)
    kind().check(precision)
    check_free(out)
    with stage("predicting the pictures to compare"):
        wanted = expected(Model.load(run.folder / MODEL), run.model, pictures_to_compare(task))
    with put_in_place(out, archive) as folder:
        with stage("writing the graph"), as_export_errors(to, folder):
            graph = run.model.graph()
            images = task.labeled.images if len(task.labeled) else task.pool.images
            write_graph(kind, graph, folder, precision, images)
        _write_about(folder, run, graph, to, precision)
        (folder / "predict.py").write_text(predict_script(kind), encoding="utf-8")
        with stage("predicting with the runtime alone"):
            parity = measured_parity(folder, wanted, kind.runtime)
        check(parity, precision)
        size = sum(file.stat().st_size for file in folder.glob("model.*"))
        made = Export(folder=str(out), format=to, precision=precision, model_bytes=size, parity=parity)
        (folder / "README.md").write_text(model_card(run, task, made, kind, graph.output_names), encoding="utf-8")
        write_sums(folder)
    return made


def check_free(out: Path) -> None:
    """Refuse a place where something lies: `ExportError`."""
    if out.exists():
        raise ExportError(f"{out} exists already. Name another folder with --out, or delete it.")


@contextmanager
def put_in_place(out: Path, archive: bool) -> Iterator[Path]:
    """A folder beside what is wanted, which takes its place at the end, as an archive perhaps; after a fault nothing is left."""
    sweep(out.parent)
    try:
        with unfinished_folder(out) as folder:
            yield folder
            if archive:
                with taking_place(out, durable=True) as stream:
                    write_archive(folder, stream, out.stem)
            else:
                sync_tree(folder)
                folder.rename(out)
                sync_folder(out.parent)
    except OSError as error:
        raise ExportError(
            f"{out}: cannot be written ({error.strerror or error}). Free space or name another with --out."
        ) from error


def _write_about(folder: Path, run: Run, graph: ModelGraph, to: str, precision: str) -> None:
    """What `predict.py` has to know."""
    calibration = calibration_in(run.folder)
    about = {
        "format": to,
        "precision": precision,
        "input": INPUT,
        "outputs": graph.output_names,
        "pixels": graph.largest_pixels,
        "unusual": UNUSUAL,
        "set_steps": [] if calibration is None else set_steps(calibration),
        "headstart": version("headstart"),
    }
    (folder / "bundle.json").write_text(indented(about) + "\n", encoding="utf-8")
    classes = json_document(list(run.model.classes))
    (folder / "classes.json").write_text(classes + "\n", encoding="utf-8")


def indented(about: dict[str, Any]) -> str:
    """As JSON, a line for each value: lists of numbers are long."""
    lines = (f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in about.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def write_graph(kind: type[Format], graph: PictureGraph, folder: Path, precision: str, images: Images) -> None:
    """The model's files."""

    def pictures() -> list[Bytes]:
        rows = evenly_spaced(len(images), NUM_PICTURES)
        return [np.asarray(images.read(int(row), graph.largest_pixels))[None] for row in rows]

    kind().write(graph, folder, precision, pictures)


@contextmanager
def as_export_errors(to: str, folder: Path) -> Iterator[None]:
    """Turns what libraries raise into `ExportError`: their errors have no class in common but `Exception`."""
    try:
        yield
    except (HeadstartError, OSError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
        if shutil.disk_usage(folder).free < 2**20:
            raise ExportError(f"{folder.parent}: the disk is full. Free space or name another folder with --out.") from error
        others = " or ".join(name for name in FORMATS.names() if name != to)
        raise ExportError(f"{to} cannot hold this model ({reason}). Nothing was written; choose --to {others}.") from error


def check_exportable(folder: Path, card: Pretrained) -> None:
    """Refuse the run in a folder whose network, by its card, takes feature vectors: `DataError`."""
    from headstart.backbones.catalog import provider_of  # noqa: PLC0415

    if not provider_of(card).takes_pictures:
        raise DataError(
            f"{folder} was fitted on feature vectors, and a bundle takes pictures. Export a run that was fitted on pictures."
        )
