"""Operations: what a computation costs, counted instead of timed, so that a busy machine foresees what an idle one does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from headstart.backbones.hooks import in_evaluation
from headstart.backbones.programs import Program
from headstart.backbones.stages import probe_images
from headstart.data.transforms import Transform

FULL_RATE = 142e9
"""Multiply-adds a second in float32. This and the next three are least squares of the relative error over eight training steps of
small_cnn, EfficientNet-Lite0 and Lite2 at sides from 8 to 224, whole and cut: all within 9 % (two cores, AMD EPYC Zen 4)."""
HALF_RATE = 698e9
"""Multiply-adds a second in bf16."""
BYTES_RATE = 4.3e9
"""Bytes of results a second."""
CALL_SECONDS = 11e-6
"""Seconds that any operation takes."""
ENGINE_RATE = 70e9
"""Multiply-adds a second of the engine that extracts features."""
MOST_PIXELS_RUN = 640
"""Up to this side a network is run on pictures to count its operations; beyond it, to know shapes is quicker. Multiply-adds are
the same either way; calls of PyTorch, some eleven microseconds each, are a third to a half more."""
READING_RATE = 25e6
"""Pixels of the input a second that are decoded and resized."""


@dataclass
class Operations:
    """What a computation consists of.

    Attributes:
        full: Multiply-adds in float32.
        half: Multiply-adds in bf16 or float16.
        num_bytes: Bytes of all results.
        calls: Operations of PyTorch.
    """

    full: float = 0.0
    half: float = 0.0
    num_bytes: float = 0.0
    calls: float = 0.0

    @property
    def seconds(self) -> float:
        """On the machine that the rates were measured on."""
        return self.full / FULL_RATE + self.half / HALF_RATE + self.num_bytes / BYTES_RATE + self.calls * CALL_SECONDS


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, found: Operations) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        made = func(*args, **(kwargs or {}))
        results = [one for one in (made if isinstance(made, (tuple, list)) else (made,)) if isinstance(one, Tensor)]
        count = _multiply_adds(func._overloadpacket, args, kwargs or {}, made)
        if any(one.dtype in (torch.bfloat16, torch.float16) for one in results):
            self.found.half += count
        else:
            self.found.full += count
        self.found.num_bytes += 0 if func.is_view else sum(one.numel() * one.element_size() for one in results)
        self.found.calls += 1
        return made


def _multiply_adds(packet: Any, args: tuple[Any, ...], kwargs: dict[str, Any], made: Any) -> float:
    if packet is torch.ops.aten.convolution_backward:  # PyTorch's own count takes depthwise ones for dense ones
        gradient, _, weight = args[:3]
        return float(gradient.numel() * weight[0].numel() * sum(map(bool, args[-1][:2])))
    return float(flop_registry[packet](*args, **kwargs, out_val=made)) / 2 if packet in flop_registry else 0.0


@contextmanager
def counted() -> Iterator[Operations]:
    """The operations of PyTorch that are done inside, on the tensors of this thread."""
    found = Operations()
    with _Counting(found):
        yield found


def seconds_of_reading(transform: Transform) -> float:
    """Seconds to read one picture, on the machine that the rates were measured on."""
    return transform.pixels**2 / READING_RATE


def seconds_of_extraction(program: Program, transform: Transform) -> float:
    """Seconds that an engine takes to run a network on one picture, on the machine that the rates were measured on."""
    return multiply_adds_of(program, transform) / ENGINE_RATE


def seconds_of_reference(program: Program, transform: Transform) -> float:
    """Seconds that PyTorch takes in float32 to run a network on one picture, on the machine that the rates were measured on."""
    found, num_images = _operations_of(program, transform)
    return found.seconds / num_images


def multiply_adds_of(program: Program, transform: Transform) -> float:
    """Multiply-adds that a network takes for one picture."""
    found, num_images = _operations_of(program, transform)
    return (found.full + found.half) / num_images


def _operations_of(program: Program, transform: Transform) -> tuple[Operations, int]:
    """What a network does on a few pictures, and their number; on large ones it is known from shapes alone."""
    if transform.pixels > MOST_PIXELS_RUN and (known := _operations_on_meta(program, transform)):
        return known, 1
    images = (probe_images(transform.pixels, transform.channels).sigmoid() * 255).byte().permute(0, 2, 3, 1)
    with in_evaluation(program), torch.no_grad(), counted() as found:
        program(images)
    return found, len(images)


def _operations_on_meta(program: Program, transform: Transform) -> Operations | None:
    """What a network does on one picture, of which nothing is computed; None for a network that looks at values."""
    tensors = {name: one.to("meta") for name, one in (*program.named_parameters(), *program.named_buffers())}
    images = torch.empty(1, transform.pixels, transform.pixels, transform.channels, dtype=torch.uint8, device="meta")
    try:
        with in_evaluation(program), torch.no_grad(), counted() as found:
            functional_call(program, tensors, (images,))
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AssertionError, IndexError):
        return None
    return found
