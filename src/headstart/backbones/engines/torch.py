"""PyTorch: channels last, batch normalization folded; half precision where it is asked; on a GPU of NVIDIA or Apple, too."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, final

import torch

from headstart.backbones.engines.base import Engine, Outputs, Pictures, Runtime, overlapped, padded
from headstart.backbones.folding import fold_normalizations
from headstart.backbones.processor import has_bf16
from headstart.backbones.programs import Program
from headstart.backbones.stages import probe_images
from headstart.core.types import Bytes

CPU_BATCH_ROWS = 16
GPU_BATCH_ROWS = 256
"""Images a batch. Chosen, not measured: they change the time and not the features."""
GPU_BATCHES = 2
"""Batches on a GPU at a time: one is computed, and the next is copied there."""
COMPILED = "-compiled"
_DTYPES = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@final
class Torch(Runtime):
    """Always there. `float32` on the CPU is what every other engine is measured against."""

    package: ClassVar[str] = "torch"

    def precisions(self) -> tuple[str, ...]:
        return (*_of_gpu(), "bf16", "float32")

    def native(self) -> tuple[str, ...]:
        return (*_of_gpu(), *(("bf16",) if has_bf16() else ()), "float32")

    def making_seconds(self, precision: str) -> float:
        return 30.0 if precision.endswith(COMPILED) else 0.2

    def remedy(self, precision: str) -> str:
        return "It needs a GPU."

    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        name, _, kind = precision.partition("-") if precision.startswith(("cuda-", "mps-")) else ("cpu", "", precision)
        device = torch.device(name)
        ready: Any = copy.deepcopy(program).cpu().eval()  # releases of PyTorch differ in how they type a memory format
        backbone = ready.backbone
        with torch.no_grad():
            fold_normalizations(backbone.module, backbone.normalized(probe_images(backbone.transform.pixels).sigmoid()))
        ready = ready.to(device).to(memory_format=torch.channels_last)
        compiled = kind.endswith(COMPILED)
        dtype = _DTYPES[kind.removesuffix(COMPILED)]
        if device.type != "cuda":
            return _TorchEngine(ready, dtype, device)
        return _CudaEngine(torch.compile(ready) if compiled else ready, dtype, compiled)


def _of_gpu() -> tuple[str, ...]:
    """Precisions of the GPU, the fastest first as a rule; none where there is none."""
    if torch.cuda.is_available():
        half = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return (f"cuda-{half}{COMPILED}", f"cuda-{half}", "cuda-float32")
    return ("mps-fp16", "mps-float32") if torch.backends.mps.is_available() else ()


class _TorchEngine(Engine):
    """On the CPU or a GPU of Apple, one batch after the other."""

    batch_rows = CPU_BATCH_ROWS

    def __init__(self, ready: Callable[..., Any], dtype: torch.dtype | None, device: torch.device) -> None:
        self.ready = ready
        self.dtype = dtype
        self.device = device

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        for batch in batches:
            with torch.inference_mode(), _precision(self.device.type, self.dtype):
                outputs = self.ready(torch.from_numpy(batch).to(self.device))
            yield tuple(output.float().cpu().numpy() for output in outputs)


class _CudaEngine(Engine):
    """On a GPU: while it computes one batch, the next is copied there, and the CPU takes what the one before gave.

    Copies in both directions go through page-locked memory, without which they would run beside nothing else.
    """

    batch_rows = GPU_BATCH_ROWS

    def __init__(self, ready: Callable[..., Any], dtype: torch.dtype | None, whole_batches: bool) -> None:
        self.ready = ready
        self.dtype = dtype
        self.whole_batches = whole_batches
        self.copying = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        return overlapped(self._begin, _on_cpu, batches, GPU_BATCHES)

    def _begin(self, batch: Bytes) -> _Begun:
        # Another shape would be compiled anew.
        waiting = torch.from_numpy(padded(batch, self.batch_rows) if self.whole_batches else batch).pin_memory()
        computing = torch.cuda.current_stream()
        with torch.cuda.stream(self.copying):
            images = waiting.to("cuda", non_blocking=True)
        computing.wait_stream(self.copying)
        images.record_stream(computing)  # else its memory could be given away while the network reads it
        with torch.inference_mode(), _precision("cuda", self.dtype):
            outputs = [output[: len(batch)].float() for output in self.ready(images)]
            copies = [torch.empty(output.shape, pin_memory=True).copy_(output, non_blocking=True) for output in outputs]
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(computing)
        return _Begun(waiting, copies, done)


class _Begun(NamedTuple):
    """A batch on its way: the pictures, the memory that the outputs are copied to, and the event after which they are there."""

    pictures: torch.Tensor
    copies: list[torch.Tensor]
    done: torch.cuda.Event


def _on_cpu(begun: _Begun) -> Outputs:
    """The outputs once they are there, in ordinary memory, so that the page-locked memory is used again."""
    begun.done.synchronize()
    return tuple(copied.numpy().copy() for copied in begun.copies)


def _precision(kind: str, dtype: torch.dtype | None) -> AbstractContextManager[object]:
    return torch.autocast(kind, dtype) if dtype else nullcontext()
