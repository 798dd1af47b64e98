"""ONNX: one file that ONNX Runtime computes, on servers, in browsers and on phones."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, final

import torch

from headstart.core.types import Bytes
from headstart.export.formats.base import INPUT, Format, example_for, store_in_half
from headstart.features.graph_features import PictureGraph

OPSET = 17
"""Of ONNX operators: of 2022, so that old runtimes know it."""


@final
class Onnx(Format):
    """Written by PyTorch's exporter from a trace."""

    file: ClassVar[str] = "model.onnx"
    runtime: ClassVar[str] = "onnxruntime"
    packages: ClassVar[dict[str, str]] = {"onnx": "export", "onnxruntime": "export"}
    precisions: ClassVar[tuple[str, ...]] = ("float32", "fp16", "int8")

    @staticmethod
    def load(folder: Path) -> Callable[[Any], Sequence[Any]]:
        """The model by ONNX Runtime: pictures, uint8 [sample, height, width, channel], to its outputs."""
        import onnxruntime  # noqa: PLC0415

        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {"images": images})

    def write(self, graph: PictureGraph, folder: Path, precision: str, pictures: Callable[[], list[Bytes]]) -> None:
        if precision == "fp16":
            store_in_half(graph)
        content = _exported(graph)
        if precision == "int8":
            _quantize(content, folder / self.file, pictures())
        else:
            (folder / self.file).write_bytes(content)


def _exported(graph: PictureGraph) -> bytes:
    names = list(graph.output_names)
    content: Any = io.BytesIO()  # the older exporter writes into it
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every size that becomes a constant, which is what is wanted
        torch.onnx.export(
            graph,
            (example_for(graph),),
            content,
            dynamo=False,  # the newer exporter takes three times as long
            opset_version=OPSET,
            do_constant_folding=False,  # it would store what is in half precision as float32
            input_names=[INPUT],
            output_names=names,
            dynamic_axes={INPUT: {0: "sample", 1: "height", 2: "width"}, **{name: {0: "sample"} for name in names}},
        )
    written: bytes = content.getvalue()
    return written


@contextmanager
def _errors_alone() -> Iterator[None]:
    """Let the root logger, which the tool writes to, be silent below errors meanwhile."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(max(logging.ERROR, before))
    try:
        yield
    finally:
        root.setLevel(before)


def _quantize(content: bytes, path: Path, pictures: list[Bytes]) -> None:
    """Write the model with 8-bit convolutions and products inside of its networks; resizing and heads stay as they are."""
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # noqa: PLC0415

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest: Iterator[Bytes] = iter(pictures)

        def get_next(self) -> dict[str, Bytes] | None:
            picture = next(self.rest, None)
            return None if picture is None else {INPUT: picture}

    model = onnx.load_from_string(content)
    kinds = ("Conv", "Gemm", "MatMul")
    inside = [node.name for node in model.graph.node if "/backbone/" in node.name and node.op_type in kinds]
    with _errors_alone():
        quantize_static(
            model,
            path,
            Pictures(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(kinds),
            nodes_to_quantize=inside,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
