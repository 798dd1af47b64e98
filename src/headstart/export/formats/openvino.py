"""OpenVINO: an .xml file with its weights beside it, fastest on Intel and AMD processors."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from headstart.backbones.engines.openvino import converted
from headstart.core.types import Bytes
from headstart.export.formats.base import INPUT, LEAST_HALVED, Format, example_for
from headstart.features.graph_features import PictureGraph


@final
class OpenVino(Format):
    """Converted from a trace, without ONNX in between."""

    file: ClassVar[str] = "model.xml"
    runtime: ClassVar[str] = "openvino"
    packages: ClassVar[dict[str, str]] = {"openvino": "export"}
    precisions: ClassVar[tuple[str, ...]] = ("float32", "fp16", "int8")

    @staticmethod
    def load(folder: Path) -> Callable[[Any], Sequence[Any]]:
        """The model by OpenVINO: pictures, uint8 [sample, height, width, channel], to its outputs."""
        import openvino  # noqa: PLC0415

        # Without the hint, processors with bf16 compute in it, which changes probabilities by some hundredths.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        model = openvino.Core().compile_model(str(folder / "model.xml"), "CPU", settings)
        return lambda images: list(model(images).values())

    def packages_for(self, precision: str) -> dict[str, str]:
        return {"nncf": "int8"} if precision == "int8" else {}

    def write(self, graph: PictureGraph, folder: Path, precision: str, pictures: Callable[[], list[Bytes]]) -> None:
        import openvino  # noqa: PLC0415

        made = converted(graph, example_for(graph))
        made.reshape([-1, -1, -1, 3])
        made.inputs[0].get_tensor().set_names({INPUT})
        for output, name in zip(made.outputs, graph.output_names, strict=True):
            output.get_tensor().set_names({name})
        if precision == "int8":
            made = _quantized(made, pictures())
        _store_in_half(made, lossless_only=precision != "fp16")
        openvino.save_model(made, folder / self.file, compress_to_fp16=False)


def _store_in_half(model: Any, lossless_only: bool) -> None:
    """Store large weights in half precision, those alone that lose nothing by it, or all; they are computed with as float32."""
    import openvino  # noqa: PLC0415
    from openvino import opset13  # noqa: PLC0415

    for constant in model.get_ops():
        if constant.get_type_name() != "Constant" or constant.get_element_type() != openvino.Type.f32:
            continue
        values = np.asarray(constant.data)
        if values.size < LEAST_HALVED:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all() or (lossless_only and not np.array_equal(half.astype(np.float32), values)):
            continue
        stored = opset13.convert(opset13.constant(half), "f32")
        for reader in constant.output(0).get_target_inputs():
            reader.replace_source_output(stored.output(0))


def _quantized(model: Any, pictures: list[Bytes]) -> Any:
    """The model with 8-bit weights and activations inside of its networks, but for depthwise convolutions; see the engine."""
    import nncf  # noqa: PLC0415

    logging.getLogger("nncf").setLevel(logging.WARNING)
    outside = [one.get_friendly_name() for one in model.get_ops() if "backbone" not in one.get_friendly_name()]
    scope = nncf.IgnoredScope(names=outside, types=["GroupConvolution"], validate=False)
    with redirect_stdout(io.StringIO()):  # its progress bars; standard output carries answers alone
        return nncf.quantize(
            model, nncf.Dataset(pictures), subset_size=len(pictures), preset=nncf.QuantizationPreset.MIXED, ignored_scope=scope
        )
