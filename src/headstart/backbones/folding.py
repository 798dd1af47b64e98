"""Folding: batch normalization joined with the convolution before it, for networks that only predict."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from headstart.backbones.trace import Call, trace


def fold_normalizations(network: nn.Module, inputs: torch.Tensor) -> int:
    """Fold every batch normalization that a convolution alone feeds, in place, and return their number.

    The network is in evaluation mode and can only predict afterwards. One forward pass on the inputs shows what feeds what.
    """
    calls = [call for call in trace(network, inputs).walk() if not call.children or isinstance(call.module, nn.BatchNorm2d)]
    made_by = {id(call.output): call for call in calls if call.output is not None}
    readers: dict[int, int] = {}
    for call in calls:
        if call.inputs is not None:
            readers[id(call.inputs[0])] = readers.get(id(call.inputs[0]), 0) + 1
    once = {name for name in (call.name for call in calls) if sum(call.name == name for call in calls) == 1}
    num_folded = 0
    for call in calls:
        source = made_by.get(id(call.inputs[0])) if call.inputs is not None else None
        if source is None or not {call.name, source.name} <= once or readers[id(source.output)] != 1:
            continue
        num_folded += _folded(network, source, call)
    return num_folded


def _folded(network: nn.Module, source: Call, call: Call) -> bool:
    conv, norm = source.module, call.module
    if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        return False
    if norm.running_mean is None or norm.running_var is None or call.inputs is None or call.inputs[1] != source.version:
        return False
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    # timm's normalizations carry the activation that follows them.
    rest = [part for part in norm.children() if not isinstance(part, nn.Identity)]
    network.set_submodule(call.name, rest[0] if len(rest) == 1 else nn.Sequential(*rest))
    return True
