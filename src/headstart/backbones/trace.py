"""Trace: which sub-modules one forward pass calls, in which order, nested how, and what they put out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from headstart.backbones.hooks import hooked, in_evaluation

Layout = Literal["channels first", "channels last", "tokens", "flat"]
"""[batch, channel, height, width], [batch, height, width, channel], [batch, token, channel] or [batch, channel]."""


@dataclass
class Call:
    """One call of one module.

    Attributes:
        name: The module's dotted name; empty for the network itself.
        module: The module.
        nth: How many calls of the same module came before.
        order: Position among all calls by the time they end.
        inputs: The first tensor argument and its version when the call began.
        output: The first tensor returned.
        version: Its version when the call ended; in-place arithmetic afterwards raises it.
        layout: The order of the output's axes; None where the output is no picture, sequence or vector of the batch.
        resolution: Number of places: height times width, or tokens; 1 for flat outputs.
        width: Number of channels.
        pooled: float32 [batch, channel]: the output averaged over places; None where `layout` is.
        children: Calls made directly by this one.
    """

    name: str
    module: nn.Module
    nth: int
    order: int = -1
    inputs: tuple[Tensor, int] | None = None
    output: Tensor | None = None
    version: int = -1
    layout: Layout | None = None
    resolution: int = 0
    width: int = 0
    pooled: Tensor | None = None
    children: list[Call] = field(default_factory=list)

    @property
    def is_sequence(self) -> bool:
        """Whether the output is exactly what the children, each fed by the one before, made: no branch, no sum."""
        if not self.children or self.output is None:
            return False
        for before, after in zip(self.children, self.children[1:], strict=False):
            if before.output is None or after.inputs is None:
                return False
            if before.output is not after.inputs[0] or before.version != after.inputs[1]:
                return False
        last = self.children[-1]
        return last.output is self.output and last.version == self.version

    @property
    def num_parameters(self) -> int:
        """Number of weights of the module."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def walk(self) -> Iterator[Call]:
        """This call and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def first_tensor(value: Any) -> Tensor | None:
    """The first tensor in a value, looking into tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return value
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    for one in values:
        found = first_tensor(one)
        if found is not None:
            return found
    return None


def pool(tensor: Tensor, layout: Layout) -> Tensor:
    """The average over places, [batch, channel]."""
    if layout == "channels first":
        return tensor.mean(dim=(2, 3))
    if layout == "channels last":
        return tensor.mean(dim=(1, 2))
    return tensor.mean(dim=1) if layout == "tokens" else tensor


def std_over_places(tensor: Tensor, layout: Layout) -> Tensor:
    """The standard deviation over places, [batch, channel]."""
    axes = {"channels first": (2, 3), "channels last": (1, 2), "tokens": (1,)}[layout]
    return tensor.std(dim=axes, correction=0)


def layout_of(shape: tuple[int, ...], before: Layout | None = None) -> Layout | None:
    """The layout of an output of a square picture, by its shape with the batch first; None where no layout fits.

    The layout of the output before decides for shapes that fit two.
    """
    if len(shape) == 2:
        return "flat"
    if len(shape) == 3:
        return "tokens"
    if len(shape) != 4:
        return None
    first, last = shape[2] == shape[3], shape[1] == shape[2]
    if first and last:
        return "channels last" if before == "channels last" else "channels first"
    return "channels first" if first else "channels last" if last else None


class _Recorder:
    def __init__(self, network: nn.Module, batch: int) -> None:
        self.names = {id(module): name for name, module in network.named_modules()}
        self.batch = batch
        self.open: list[Call] = []
        self.num_ended = 0
        self.counts: dict[int, int] = {}
        self.before: Layout | None = None
        self.root: Call | None = None

    def begin(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nth = self.counts.get(id(module), 0)
        self.counts[id(module)] = nth + 1
        call = Call(self.names[id(module)], module, nth)
        tensor = first_tensor(args)
        tensor = first_tensor(kwargs) if tensor is None else tensor
        call.inputs = None if tensor is None else (tensor, tensor._version)
        if self.open:
            self.open[-1].children.append(call)
        else:
            self.root = call
        self.open.append(call)

    def end(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        call = self.open.pop()
        call.order = self.num_ended
        self.num_ended += 1
        tensor = first_tensor(result)
        if tensor is None:
            return
        call.output, call.version = tensor, tensor._version
        if tensor.ndim < 2 or tensor.shape[0] != self.batch or not tensor.is_floating_point():
            return
        call.layout = layout_of(tuple(tensor.shape), self.before)
        if call.layout is None:
            return
        call.pooled = pool(tensor.float(), call.layout).clone()
        call.width = call.pooled.shape[1]
        call.resolution = tensor[0].numel() // max(call.width, 1)
        if tensor.ndim == 4:
            self.before = call.layout


def multiply_adds(root: Call) -> int:
    """The multiply-adds of a traced pass, of all its images; those of convolutions and linear layers count."""
    total = 0
    for call in root.walk():
        if isinstance(call.module, (nn.Conv2d, nn.Linear)) and call.output is not None:
            total += call.output.numel() * call.module.weight[0].numel()
    return total


def trace(network: nn.Module, images: Tensor) -> Call:
    """The call of the network on those images, with every call below it.

    The network is run in evaluation mode without gradients; its mode is restored. All outputs stay in memory for as long
    as the result is held. Images are float32 [batch, 3, height, width]; an odd batch tells the batch axis from the others.
    """
    recorder = _Recorder(network, images.shape[0])
    handles = [module.register_forward_pre_hook(recorder.begin, with_kwargs=True) for module in network.modules()]
    handles += [module.register_forward_hook(recorder.end, with_kwargs=True) for module in network.modules()]
    with hooked(handles), in_evaluation(network), torch.no_grad():
        network(images)
    if recorder.root is None:
        raise AssertionError("a forward pass calls the network")
    return recorder.root
