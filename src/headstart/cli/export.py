"""`headstart export`: a run's model as a folder that needs no headstart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts

POSITION = 18


def export(
    run: options.RunFolder,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="onnx, openvino or torch.")] = "onnx",
    precision: Annotated[str, typer.Option(metavar="NAME", help="float32, fp16 or int8 (not torch).")] = "float32",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="The folder, which must not exist.", show_default=False)
    ] = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write one zip file in place of a folder.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write a run's model as a folder that needs no headstart.

    It holds the graph from pictures to probabilities, a predict.py that needs only
    the runtime, and a model card. Before it is put in place, its predictions are
    compared with the model's.
    """
    from headstart.workflows.export import export as export_run

    made = export_run(run, to, precision=precision, out=out, archive=archive).to_dict()
    parity, bundle = made["parity"], Path(made["folder"].removesuffix(".zip") if archive else made["folder"])
    lost = f"up to {parity['largest_difference']:.4f}, on average {parity['mean_difference']:.4f}"
    flags = f"{parity['num_same_flag']} of {parity['num_pictures']} have the same flag"
    rows = [
        ("bundle", made["folder"]),
        ("model", f"{made['format']}, {made['precision']}, {made['model_bytes'] / 1e6:.1f} MB"),
        ("same label", f"{parity['num_same']} of {parity['num_pictures']} pictures, in a process with the runtime alone"),
        ("probabilities", f"differ by {lost}"),
        *(
            []
            if parity["largest_p_difference"] is None
            else [("p-values", f"differ by up to {parity['largest_p_difference']:.4f}; {flags}")]
        ),
        ("time a picture", f"{parity['model_milliseconds']:.1f} ms, {parity['batch_milliseconds']:.1f} ms in batches of 8"),
        ("predict with", f"python {bundle / 'predict.py'} PICTURE_OR_FOLDER..."),
    ]
    answer(as_json, made, facts(rows))
