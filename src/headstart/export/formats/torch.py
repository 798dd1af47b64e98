"""PyTorch: the program of `torch.export`, for C++ and Python with PyTorch alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, final

import torch
from torch.export import Dim

from headstart.core.types import Bytes
from headstart.export.formats.base import Format, example_for, store_in_half
from headstart.features.graph_features import PictureGraph

TRACED = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node")
"""Where each operation comes from: text with paths of this machine, 0.7 of 21 MB for EfficientNet-Lite0."""


@final
class Torch(Format):
    """Traced with symbolic sizes."""

    file: ClassVar[str] = "model.pt2"
    runtime: ClassVar[str] = "torch"

    @staticmethod
    def load(folder: Path) -> Callable[[Any], Sequence[Any]]:
        """The model by PyTorch: pictures, uint8 [sample, height, width, channel], to its outputs."""
        import torch  # noqa: PLC0415

        program = torch.export.load(str(folder / "model.pt2")).module()
        return lambda images: [output.numpy() for output in program(torch.from_numpy(images))]

    def write(self, graph: PictureGraph, folder: Path, precision: str, pictures: Callable[[], list[Bytes]]) -> None:
        if precision == "fp16":
            store_in_half(graph)
        sizes = {0: Dim("sample", min=1, max=1024), 1: Dim("height", min=1, max=2**15), 2: Dim("width", min=1, max=2**15)}
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of its own parts that are deprecated
            program = torch.export.export(graph, (example_for(graph),), dynamic_shapes={"images": sizes}, strict=False)
            for node in program.graph.nodes:
                for name in TRACED:
                    node.meta.pop(name, None)
            torch.export.save(program, folder / self.file)
