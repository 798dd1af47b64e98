"""Folding: batch normalization that keeps its statistics, joined with the convolution before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from headstart.backbones.trace import Call, trace

Pair: TypeAlias = tuple[str, str]
"""Dotted names of a convolution and of the batch normalization that it alone feeds."""


def foldable_pairs(root: Call) -> list[Pair]:
    """Every batch normalization that a convolution alone feeds, with that convolution; `root` is a traced forward pass."""
    calls = [call for call in root.walk() if not call.children or isinstance(call.module, nn.BatchNorm2d)]
    made_by = {id(call.output): call for call in calls if call.output is not None}
    readers: dict[int, int] = {}
    for call in calls:
        if call.inputs is not None:
            readers[id(call.inputs[0])] = readers.get(id(call.inputs[0]), 0) + 1
    once = {name for name in (call.name for call in calls) if sum(call.name == name for call in calls) == 1}
    pairs = []
    for call in calls:
        source = made_by.get(id(call.inputs[0])) if call.inputs is not None else None
        if source is None or not {call.name, source.name} <= once or readers[id(source.output)] != 1:
            continue
        if _can_be_folded(source, call):
            pairs.append((source.name, call.name))
    return pairs


def fold_normalizations(network: nn.Module, inputs: Tensor) -> int:
    """Fold every batch normalization that a convolution alone feeds, in place, and return their number.

    The network is in evaluation mode and can only predict afterwards. One forward pass on the inputs shows what feeds what.
    """
    pairs = foldable_pairs(trace(network, inputs))
    for name, norm_name in pairs:
        conv: Any = network.get_submodule(name)
        norm: Any = network.get_submodule(norm_name)
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        rest = _behind(norm)
        network.set_submodule(norm_name, rest[0] if len(rest) == 1 else nn.Sequential(*rest))
    return len(pairs)


@contextmanager
def folded(network: nn.Module, pairs: Sequence[Pair]) -> Iterator[None]:
    """Run those normalizations as part of their convolutions inside the block, as long as they keep their statistics.

    Weights and statistics stay where they are and may be trained: gradients reach them as before, but no pass over the
    activations is made for the normalization. A normalization that is learning its statistics runs as it always does.
    """
    modules: list[tuple[Any, Any]] = [(network.get_submodule(conv), network.get_submodule(norm)) for conv, norm in pairs]
    for conv, norm in modules:
        conv.forward, norm.forward = _convolving(conv, norm), _going_on(norm)
    try:
        yield
    finally:
        for conv, norm in modules:
            del conv.forward, norm.forward


def _convolving(conv: Any, norm: Any) -> Any:
    def forward(inputs: Tensor) -> Tensor:
        if norm.training:
            whole: Tensor = type(conv).forward(conv, inputs)
            return whole
        scale = (norm.running_var + norm.eps).rsqrt()
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -norm.running_mean * scale if conv.bias is None else (conv.bias - norm.running_mean) * scale
        weight = conv.weight * scale.view(-1, 1, 1, 1)
        # What stands in an instance's own dictionary is found before its parameters: every kind of convolution pads in its way.
        vars(conv).update(weight=weight, bias=shift if norm.bias is None else shift + norm.bias)
        try:
            made: Tensor = type(conv).forward(conv, inputs)
        finally:
            del vars(conv)["weight"], vars(conv)["bias"]
        return made

    return forward


def _going_on(norm: Any) -> Any:
    def forward(inputs: Tensor) -> Tensor:
        if norm.training:
            whole: Tensor = type(norm).forward(norm, inputs)
            return whole
        for part in _behind(norm):
            inputs = part(inputs)
        return inputs

    return forward


def _behind(norm: nn.Module) -> list[nn.Module]:
    """What follows in the same module: timm's normalizations carry the activation."""
    return [part for part in norm.children() if not isinstance(part, nn.Identity)]


def _can_be_folded(source: Call, call: Call) -> bool:
    conv, norm = source.module, call.module
    if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        return False
    plain = "weight" in conv._parameters  # a parametrized one makes its weight anew
    statistics = norm.running_mean is not None and norm.running_var is not None
    return plain and statistics and call.inputs is not None and call.inputs[1] == source.version
