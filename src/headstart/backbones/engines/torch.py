"""PyTorch: channels last, batch normalization folded; half precision where it is asked; on a GPU where there is one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, final

import torch

from headstart.backbones.engines.base import Engine, Outputs, Pictures, Runtime, padded
from headstart.backbones.folding import fold_normalizations
from headstart.backbones.programs import Program
from headstart.backbones.stages import probe_images
from headstart.core.types import Bytes

CPU_BATCH_ROWS = 16
GPU_BATCH_ROWS = 256
"""Images a batch. Chosen, not measured: they change the time and not the features."""
COMPILED = "-compiled"
_DTYPES = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@final
class Torch(Runtime):
    """Always there. `float32` on the CPU is what every other engine is measured against."""

    def precisions(self) -> tuple[str, ...]:
        if torch.cuda.is_available():
            half = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
            return (f"cuda-{half}{COMPILED}", f"cuda-{half}", "cuda-float32", "bf16", "float32")
        return ("bf16", "float32")

    def engine(self, program: Program, precision: str, pictures: Pictures, folder: Path) -> Engine:
        device = torch.device("cuda" if precision.startswith("cuda-") else "cpu")
        kind = precision.removeprefix("cuda-")
        ready: Any = copy.deepcopy(program).cpu().eval()  # releases of PyTorch differ in how they type a memory format
        backbone = ready.backbone
        with torch.no_grad():
            fold_normalizations(backbone.module, backbone.normalized(probe_images(backbone.transform.pixels).sigmoid()))
        ready = ready.to(device).to(memory_format=torch.channels_last)
        compiled = kind.endswith(COMPILED)
        return _TorchEngine(torch.compile(ready) if compiled else ready, device, _DTYPES[kind.removesuffix(COMPILED)], compiled)


class _TorchEngine(Engine):
    def __init__(self, ready: Callable[..., Any], device: torch.device, dtype: torch.dtype | None, whole_batches: bool) -> None:
        self.ready = ready
        self.device = device
        self.dtype = dtype
        self.whole_batches = whole_batches
        self.batch_rows = GPU_BATCH_ROWS if device.type == "cuda" else CPU_BATCH_ROWS

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, self.dtype) if self.dtype else nullcontext()

    def run(self, batches: Iterable[Bytes]) -> Iterator[Outputs]:
        for batch in batches:
            # Another shape would be compiled anew.
            images = torch.from_numpy(padded(batch, self.batch_rows) if self.whole_batches else batch)
            if self.device.type == "cuda":
                images = images.pin_memory().to(self.device, non_blocking=True)
            with torch.inference_mode(), self._precision():
                outputs = self.ready(images)
            yield tuple(output[: len(batch)].float().cpu().numpy() for output in outputs)
