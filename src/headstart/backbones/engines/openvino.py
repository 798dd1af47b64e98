"""OpenVINO: the network as one graph, from bytes to pooled outputs, in streams that fill the cores."""

from __future__ import annotations

import copy
import importlib.util
import io
import logging
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from headstart.backbones.engines.base import Engine, Outputs, Pictures, Runtime, padded
from headstart.backbones.programs import Program
from headstart.core.errors import MissingExtraError, PretrainedError
from headstart.core.records import fingerprint_of
from headstart.core.types import Bytes

BATCH_ROWS = 8
"""EfficientNet-Lite0 at 224 pixels on two cores in bf16: 396 pictures a second in batches of 8, 377 of 16, 351 of 32."""
CALIBRATION_ROWS = 128
"""Pictures that the ranges of activations are taken from. Chosen, not measured."""
_HINTS = {"bf16": "bf16", "float32": "f32", "int8": "bf16"}


@final
class OpenVino(Runtime):
    """Intel's inference library; on CPUs with bf16 arithmetic about three times as fast as PyTorch in its best layout.

    8-bit integers are there for those who ask: on EfficientNet-Lite they are no faster than bf16, and features lose far more.
    """

    def precisions(self) -> tuple[str, ...]:
        if importlib.util.find_spec("openvino") is None:
            return ()
        return ("int8", "bf16", "float32") if importlib.util.find_spec("nncf") else ("bf16", "float32")

    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        import openvino  # noqa: PLC0415

        path = folder / f"{fingerprint_of(program.key)}-int8.xml"
        known = precision == "int8" and path.exists()
        graph = openvino.Core().read_model(path) if known else _graph_of(program)
        if precision == "int8" and not known:
            graph = _quantized(graph, pictures)
            path.parent.mkdir(parents=True, exist_ok=True)
            openvino.save_model(graph, path, compress_to_fp16=False)
        return _OpenVinoEngine(graph, _HINTS[precision])


class _OpenVinoEngine(Engine):
    batch_rows = BATCH_ROWS

    def __init__(self, graph: Any, hint: str) -> None:
        import openvino  # noqa: PLC0415

        settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "THROUGHPUT"}
        self.compiled = openvino.Core().compile_model(graph, "CPU", settings)

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


def _graph_of(program: Program) -> Any:
    import openvino  # noqa: PLC0415
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415

    transform = program.backbone.transform
    example = torch.zeros(1, transform.pixels, transform.pixels, transform.channels, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant, which is what is wanted
        try:
            traced = torch.jit.trace(copy.deepcopy(program).cpu().eval(), example, check_trace=False, strict=False)  # type: ignore[no-untyped-call]
            # Not `openvino.convert_model`: it does the same in five times the time, most of it spent on reporting usage. Frozen,
            # the graph is half as large when OpenVINO gets it, and conversion takes a third of the time.
            frozen = torch.jit.freeze(traced)
            frontend = FrontEndManager().load_by_framework("pytorch")
            decoder = TorchScriptPythonDecoder(frozen, example_input=example, skip_freeze=True)  # must outlive the conversion
            graph = frontend.convert(frontend.load(decoder))
        except Exception as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
            raise PretrainedError(f"OpenVINO cannot run this network ({reason}). Use another engine.") from error
    graph.inputs[0].get_node().set_element_type(openvino.Type.u8)  # which freezing forgets
    graph.reshape([BATCH_ROWS, *example.shape[1:]])
    return graph


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
