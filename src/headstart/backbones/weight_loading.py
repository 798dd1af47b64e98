"""Loading a network's weights from a file that a user brought."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from headstart.backbones.pretrained import Pretrained
from headstart.backbones.providers.base import Resolver
from headstart.backbones.stages import anatomy_of
from headstart.backbones.state_dicts import StateDict, load_weights, misfit, read_state_dict
from headstart.core.errors import PretrainedError

_SUGGESTED = (
    *(f"torchvision/resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    "torchvision/wide_resnet50_2", "torchvision/resnext50_32x4d",
    *(f"torchvision/mobilenet_v{version}" for version in ("2", "3_small", "3_large")),
    *(f"torchvision/efficientnet_b{size}" for size in range(5)),
    *(f"torchvision/convnext_{size}" for size in ("tiny", "small", "base")),
    *(f"torchvision/densenet{depth}" for depth in (121, 169, 201)),
    *(f"torchvision/{name}" for name in ("vit_b_16", "vit_b_32", "swin_t", "swin_s", "vgg16", "vgg16_bn", "alexnet")),
    *(f"timm/tf_efficientnet_lite{size}" for size in range(3)),
    *(f"timm/{name}" for name in ("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224", "convnext_tiny")),
)  # fmt: skip
"""Architectures that a file of weights is tried against when it does not fit the one named."""


def load_weights_file(network: nn.Module, path: Path, card: Pretrained, resolver: Resolver) -> None:
    """Load a `.safetensors` or `.pth` file into a card's network; a classifier of another size is left out.

    Raises `PretrainedError` where the file cannot be read, or is of another architecture; well-known ones that it fits are named.
    """
    state = read_state_dict(path)
    if misfit(network.state_dict(), state):
        state = _converted(network, state)
    loaded = load_weights(
        network,
        state,
        path,
        card.architecture,
        classifier=lambda: anatomy_of(network.eval(), card.input_pixels).classifier,
        suggest=lambda state: matching_architecture(state, resolver),
    )
    network.headstart_classifier_loaded = loaded  # type: ignore[assignment]


def _converted(network: nn.Module, state: StateDict) -> StateDict:
    """The state dict after the architecture's own conversion of older formats, where it has one."""
    convert: Any = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted = convert(dict(state), network)
    except (KeyError, ValueError, RuntimeError, AttributeError, TypeError, AssertionError):
        return state
    return converted if isinstance(converted, dict) else state


def matching_architecture(state: StateDict, resolver: Resolver) -> str | None:
    """The first well-known architecture whose names and shapes, the classifier's aside, are those of a state dict."""
    for name in _SUGGESTED:
        network = _skeleton(name, resolver)
        if network is None:
            continue
        expected = network.state_dict()
        last = list(_weighted(network))[-1]
        body = {key: value for key, value in expected.items() if not key.startswith(f"{last}.")}
        rest = {key: value for key, value in state.items() if not key.startswith(f"{last}.")}
        if not misfit(body, rest):
            return name
    return None


def _weighted(network: nn.Module) -> Iterator[str]:
    for name, module in network.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            yield name


def _skeleton(name: str, resolver: Resolver) -> nn.Module | None:
    try:
        card = resolver.card_of(name)
        with torch.device("meta"):
            return resolver.network_of(card, "none")
    except (PretrainedError, RuntimeError, NotImplementedError):
        return None
