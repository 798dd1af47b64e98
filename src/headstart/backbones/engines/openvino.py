"""OpenVINO: the network as one graph, from bytes to pooled outputs, in streams that fill the cores."""

from __future__ import annotations

import copy
import importlib.util
import io
import logging
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from headstart.backbones.engines.base import Engine, Outputs, Pictures, ProgramKey, Runtime, padded
from headstart.backbones.engines.graphs import forget_graph, keep_graph, read_graph
from headstart.core.errors import MissingExtraError, PretrainedError
from headstart.core.records import fingerprint_of
from headstart.core.types import Bytes

if TYPE_CHECKING:  # an engine that was kept is used without PyTorch
    from torch import Tensor, nn

    from headstart.backbones.programs import Program

FORMAT = 1
"""Of kept graphs; raised whenever the same network is compiled to other outputs."""
BATCH_ROWS = 8
"""EfficientNet-Lite0 at 224 pixels on two cores in bf16: 396 pictures a second in batches of 8, 377 of 16, 351 of 32."""
CALIBRATION_ROWS = 128
"""Pictures that the ranges of activations are taken from. Chosen, not measured."""
_HINTS = {"fp16": "f16", "bf16": "bf16", "float32": "f32"}
_CAPABILITY = {"fp16": "FP16", "bf16": "BF16", "float32": "FP32"}
"""What OpenVINO calls the arithmetic of a precision that may be tried."""


@final
class OpenVino(Runtime):
    """Intel's inference library; on CPUs with bf16 arithmetic about three times as fast as PyTorch in its best layout.

    8-bit integers are there for those who name them, and never tried: on EfficientNet-Lite they are no faster than bf16, and
    features lose more than `LARGEST_ERROR` of `choice` allows.
    """

    package: ClassVar[str] = "openvino"

    def precisions(self) -> tuple[str, ...]:
        if importlib.util.find_spec("openvino") is None:
            return ()
        integers = ("int8",) if importlib.util.find_spec("nncf") else ()
        return (*integers, *(("fp16",) if "FP16" in capabilities() else ()), "bf16", "float32")

    def native(self) -> tuple[str, ...]:
        return tuple(name for name in self.precisions() if _CAPABILITY.get(name) in capabilities())

    def making_seconds(self, precision: str) -> float:
        return 30.0 if precision == "int8" else 1.0

    def calibration_rows(self, precision: str) -> int:
        return CALIBRATION_ROWS if precision == "int8" else 0

    def remedy(self, precision: str) -> str:
        if importlib.util.find_spec("openvino") is None:
            return "OpenVINO has no package for this system."
        return (
            'Install nncf with `pip install "headstart[int8]"`.'
            if precision == "int8"
            else "The processor lacks this arithmetic."
        )

    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        key = program.content_key
        ready = self.kept_engine(key, precision)
        if ready is not None:
            return ready
        graph = _last_graph(key, program)
        if precision == "int8":
            graph = _quantized(graph, pictures)
            _save(graph, _calibrated(folder, key))
        try:
            compiled = _core().compile_model(graph, "CPU", _settings(precision))
        except RuntimeError as error:
            raise _unsupported(error) from error
        if precision != "int8":
            keep_graph(key, _made_with(precision), compiled.export_model().getvalue())
        return _OpenVinoEngine(compiled)

    def kept_engine(self, key: ProgramKey, precision: str) -> Engine | None:
        if not self.precisions():
            return None
        if precision == "int8":  # what it was calibrated to is kept instead, as it goes along with saved models
            path = _calibrated(key.calibration_folder, key)
            return _OpenVinoEngine(_core().compile_model(path, "CPU", _settings(precision))) if path.exists() else None
        content = read_graph(key, _made_with(precision))
        compiled = None if content is None else _imported(key, precision, content)
        return None if compiled is None else _OpenVinoEngine(compiled, content)


def _imported(key: ProgramKey, precision: str, content: Any) -> Any:
    """The compiled network; None where OpenVINO refuses it."""
    import openvino  # noqa: PLC0415

    try:
        return _core().import_model(openvino.Tensor(content), "CPU", _settings(precision))
    except RuntimeError as error:
        forget_graph(key, _made_with(precision), str(error))
        return None


def capabilities() -> frozenset[str]:
    """The arithmetic that OpenVINO finds in the processor."""
    return frozenset(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


@cache
def _core() -> Any:
    import openvino  # noqa: PLC0415

    return openvino.Core()


def _settings(precision: str) -> dict[str, str]:
    """Streams as OpenVINO chooses them for throughput, each bound to its cores.

    EfficientNet-Lite0 at 160 pixels in bf16 on two cores (Zen 4), pictures a second, bound or not: alone 562 and 513, beside
    busy work 459 and 368, and with threads that read JPEG files 350 and 299. One stream for latency: 562 where two give 611.
    """
    rest = "bf16" if "BF16" in capabilities() else "float32"  # what is not computed in integers
    return {"INFERENCE_PRECISION_HINT": _HINTS[rest if precision == "int8" else precision], "PERFORMANCE_HINT": "THROUGHPUT"}


def _made_with(precision: str) -> list[Any]:
    """What a compiled network depends on beside the program."""
    processor = [_core().get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "")  # hides instructions from the kernels
    return [FORMAT, version("openvino"), *processor, limit, os.cpu_count(), BATCH_ROWS, _settings(precision)]


def _calibrated(folder: Path, key: ProgramKey) -> Path:
    return folder / f"{fingerprint_of(key.program)}-int8.xml"


def _save(graph: Any, path: Path) -> None:
    import openvino  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(graph, path, compress_to_fp16=False)


class _OpenVinoEngine(Engine):
    """Runs a compiled network; `content` is memory that it reads, which must live as long."""

    batch_rows = BATCH_ROWS
    whole_batches = True

    def __init__(self, compiled: Any, content: Any = None) -> None:
        self.compiled = compiled
        self.content = content

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        num_streams = int(self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        idle = [self.compiled.create_infer_request() for _ in range(num_streams)]
        busy: deque[tuple[Any, int]] = deque()
        for batch in batches:
            if not idle:
                yield _finished(busy, idle)
            request = idle.pop()
            request.start_async({0: padded(batch, BATCH_ROWS)})
            busy.append((request, len(batch)))
        while busy:
            yield _finished(busy, idle)


def _finished(busy: deque[tuple[Any, int]], idle: list[Any]) -> Outputs:
    """The outputs of the batch that was begun first."""
    request, num_rows = busy.popleft()
    request.wait()
    outputs = tuple(np.array(tensor.data[:num_rows]) for tensor in request.output_tensors)
    idle.append(request)
    return outputs


_LAST_GRAPH: dict[ProgramKey, Any] = {}
"""The network that was converted last: other precisions of it are made next."""


def _last_graph(key: ProgramKey, program: Program) -> Any:
    if key not in _LAST_GRAPH:
        graph = _graph_of(program)
        _LAST_GRAPH.clear()
        _LAST_GRAPH[key] = graph
    return _LAST_GRAPH[key]


def _graph_of(program: Program) -> Any:
    import torch  # noqa: PLC0415

    transform = program.backbone.transform
    example = torch.zeros(1, transform.pixels, transform.pixels, transform.channels, dtype=torch.uint8)
    try:
        graph = converted(copy.deepcopy(program).cpu().eval(), example)
    except Exception as error:
        raise _unsupported(error) from error
    graph.reshape([BATCH_ROWS, *example.shape[1:]])
    return graph


def converted(module: nn.Module, example: Tensor) -> Any:
    """OpenVINO's model of a PyTorch module in evaluation mode, traced on an example of its one input, bytes.

    Raises what the tracer or the converter raises.
    """
    import openvino  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant, which is what is wanted
        traced = torch.jit.trace(module, example, check_trace=False, strict=False)  # type: ignore[no-untyped-call]
        # Not `openvino.convert_model`: it does the same in five times the time, most of it spent on reporting usage. Frozen,
        # the graph is half as large when OpenVINO gets it, and conversion takes a third of the time.
        frozen = torch.jit.freeze(traced)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(frozen, example_input=example, skip_freeze=True)  # must outlive the conversion
        graph = frontend.convert(frontend.load(decoder))
    graph.inputs[0].get_node().set_element_type(openvino.Type.u8)  # which freezing forgets
    return graph


def _unsupported(error: Exception) -> PretrainedError:
    reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
    return PretrainedError(f"OpenVINO cannot run this network ({reason}). Use another engine.")


def _quantized(graph: Any, pictures: Pictures) -> Any:
    """The graph with 8-bit weights and activations, but for depthwise convolutions, whose channels differ too much in range."""
    try:
        import nncf  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError('nncf is not installed. Install it with `pip install "headstart[int8]"`.') from None
    logging.getLogger("nncf").setLevel(logging.WARNING)
    sample = pictures(CALIBRATION_ROWS)
    starts = range(0, len(sample), BATCH_ROWS)
    batches = [padded(sample[start : start + BATCH_ROWS], BATCH_ROWS) for start in starts]
    depthwise = nncf.IgnoredScope(types=["GroupConvolution"], validate=False)
    preset = nncf.QuantizationPreset.MIXED
    with redirect_stdout(io.StringIO()):  # its progress bars; standard output carries answers alone
        return nncf.quantize(graph, nncf.Dataset(batches), subset_size=len(batches), preset=preset, ignored_scope=depthwise)
