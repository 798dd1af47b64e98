"""Export: a run's model as a folder that needs no headstart."""

from __future__ import annotations

from pathlib import Path

from headstart.core.arguments import AnyPath, checked
from headstart.core.exported import Export
from headstart.multioutput.run import OutputRun
from headstart.runs.origin import check_classes, unchanged_task_of
from headstart.runs.run import Run
from headstart.runs.run_folder import holds_outputs
from headstart.workflows.arguments import AnyRun, folder_given, named_folder


@checked
def export(
    run: AnyRun, to: str = "onnx", *, precision: str = "float32", out: AnyPath | None = None, archive: bool = False
) -> Export:
    """A folder with the model as one graph from pictures as bytes to probabilities, `predict.py`, and a model card.

    The graph takes RGB pictures of any size, resizes them as headstart does, and gives the probabilities of the whole model and
    the novelty p-value. Before the folder is put in place, its own `predict.py` predicts 128 of the task's pictures in a
    fresh process that has the runtime alone: an ExportError says where it disagrees with the model.

    Args:
        run: A finished run on pictures, whose data are still there.
        to: "onnx", "openvino" or "torch".
        precision: "float32"; "fp16" stores weights in half precision, "int8" computes in 8-bit integers. What they lose is
            measured and part of the result.
        out: The folder, which must not exist; beside the run's folder without it.
        archive: Whether the folder becomes one zip file, `out` with ".zip" at its end.

    Returns:
        Where it lies, its size, how far it agrees, and its time a picture.

    Raises:
        DataError: The run is none, was fitted on feature vectors, or its data are gone.
        ExportError: The format cannot hold the model, the bundle disagrees with it, or it cannot be written.
        MissingExtraError: A package is not installed.
        PlanError: There is no such format or precision, or the run has no classes.
    """
    from headstart.export.bundle import check_exportable, export_bundle  # noqa: PLC0415  they import torch
    from headstart.export.outputs import export_outputs  # noqa: PLC0415

    if holds_outputs(folder_given(run)):
        outputs = OutputRun.load(run)
        return export_outputs(outputs, to, precision, _place(outputs.folder, to, precision, out, archive), archive=archive)
    loaded = Run.load(run)
    check_classes(loaded, "export")
    check_exportable(loaded.folder, loaded.model.backbone.card)
    place = _place(loaded.folder, to, precision, out, archive)
    return export_bundle(loaded, unchanged_task_of(loaded), to, precision, place, archive=archive)


def _place(folder: Path, to: str, precision: str, out: AnyPath | None, archive: bool) -> Path:
    """Where a bundle is written."""
    suffix = to if precision == "float32" else f"{to}-{precision}"
    place = Path(f"{named_folder(folder)}-{suffix}") if out is None else Path(out)
    return place.with_name(f"{place.name}.zip") if archive and place.suffix.lower() != ".zip" else place
