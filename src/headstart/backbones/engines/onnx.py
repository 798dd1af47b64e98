"""ONNX Runtime: the network as one graph, for systems that OpenVINO has no package for."""

from __future__ import annotations

import copy
import importlib.util
import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from headstart.backbones.engines.base import Engine, Outputs, Pictures, ProgramKey, Runtime
from headstart.backbones.engines.graphs import forget_graph, keep_graph, read_graph
from headstart.core.cores import num_cores
from headstart.core.errors import PretrainedError
from headstart.core.types import Bytes

if TYPE_CHECKING:  # an engine that was kept is used without PyTorch
    from headstart.backbones.programs import Program

BATCH_ROWS = 8
"""As for OpenVINO. Chosen, not measured."""
FORMAT = 1
"""Of kept graphs; raised whenever the same network is exported to other outputs."""
_INPUT = "images"


@final
class Onnx(Runtime):
    """Microsoft's inference library, float32.

    EfficientNet-Lite0 at 160 pixels on two cores of an AMD EPYC (Zen 4): 187 pictures a second, PyTorch 109, OpenVINO 381 in
    float32. It was slower than OpenVINO wherever it was measured, and is tried only where OpenVINO is not installed. PyTorch
    needs the package onnx to export a network.
    """

    package: ClassVar[str] = "onnxruntime"

    def precisions(self) -> tuple[str, ...]:
        return ("float32",) if _is_installed("onnxruntime") and _is_installed("onnx") else ()

    def native(self) -> tuple[str, ...]:
        return () if _is_installed("openvino") else self.precisions()

    def making_seconds(self, precision: str) -> float:
        return 4.0

    def remedy(self, precision: str) -> str:
        return (
            'Install ONNX Runtime with `pip install "headstart[onnx]"`.' if precision == "float32" else "There is onnx-float32."
        )

    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        key = program.content_key
        ready = self.kept_engine(key, precision)
        if ready is not None:
            return ready
        content = _exported(program)
        made = _OnnxEngine(content)
        keep_graph(key, _made_with(), content)
        return made

    def kept_engine(self, key: ProgramKey, precision: str) -> Engine | None:
        content = read_graph(key, _made_with()) if precision in self.precisions() else None
        if content is None:
            return None
        try:
            return _OnnxEngine(content.tobytes())
        except PretrainedError as error:
            forget_graph(key, _made_with(), str(error))
            return None


class _OnnxEngine(Engine):
    batch_rows = BATCH_ROWS

    def __init__(self, content: bytes) -> None:
        import onnxruntime  # noqa: PLC0415

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_cores()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are also for reading pictures
        with _as_pretrained_errors():
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        for batch in batches:
            with _as_pretrained_errors():
                outputs = self.session.run(None, {_INPUT: batch})
            yield tuple(np.asarray(output, np.float32) for output in outputs)


@contextmanager
def _as_pretrained_errors() -> Iterator[None]:
    """Turns what ONNX Runtime raises into `PretrainedError`: its errors have no class in common but `Exception`."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1].rstrip(".")
        raise PretrainedError(f"ONNX Runtime cannot run this network ({reason}). Use another engine.") from error


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _made_with() -> list[Any]:
    return [FORMAT, "onnx", version("onnxruntime")]


def _exported(program: Program) -> bytes:
    """The program as an ONNX file."""
    import torch  # noqa: PLC0415

    transform = program.backbone.transform
    example = torch.zeros(2, transform.pixels, transform.pixels, transform.channels, dtype=torch.uint8)
    content: Any = io.BytesIO()  # the older exporter writes into it
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant, which is what is wanted
        try:
            torch.onnx.export(
                copy.deepcopy(program).cpu().eval(),
                (example,),
                content,
                dynamo=False,  # the newer exporter takes three times as long
                input_names=[_INPUT],
                dynamic_axes={_INPUT: {0: "sample"}},
            )
        except Exception as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
            raise PretrainedError(f"PyTorch cannot export this network to ONNX ({reason}). Use another engine.") from error
    written: bytes = content.getvalue()
    return written
