"""Activation memory: what a network's activations take, known from their shapes, before any of them is computed.

The network is run on tensors of the meta device, which have a shape and no memory: the cost does not grow with the pictures.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from headstart.backbones.backbone import Backbone
from headstart.backbones.hooks import hooked, in_evaluation
from headstart.core.memory import available_bytes, total_bytes

_KNOWN: dict[tuple[Any, ...], int] = {}
"""What was found in this process; a network of the same hash, cut at the same stage, takes the same."""


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that are made inside, of those that still exist and at their most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._counted: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(one, Tensor):
                self._count(one.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, num_bytes = storage._cdata, storage.nbytes()
        if key in self._counted:
            return
        self._counted.add(key)
        self.live += num_bytes
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, num_bytes)

    def _forget(self, key: int, num_bytes: int) -> None:
        self._counted.discard(key)
        self.live -= num_bytes


class _FusedAttention(TorchFunctionMode):
    """Lets attention take the memory of its inputs and output alone, as on processors and GPUs; meta tensors would take more."""

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is functional.scaled_dot_product_attention:
            query, value = args[0], args[2] if len(args) > 2 else (kwargs or {})["value"]
            return query * value if query.shape == value.shape else query.new_empty(*query.shape[:-1], value.shape[-1])
        return func(*args, **(kwargs or {}))


def available_to_networks() -> int:
    """Bytes that a network can get where it runs: of the GPU, where there is one of NVIDIA, else of the machine."""
    return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else available_bytes()


def total_to_networks() -> int:
    """As `available_to_networks`, whatever else runs."""
    return int(torch.cuda.mem_get_info()[1]) if torch.cuda.is_available() else total_bytes()


def bytes_of_picture(backbone: Backbone) -> int:
    """The most bytes that the activations of one picture take at a time, in float32, while features are extracted.

    0 where that cannot be told from shapes, as with networks that look at values.
    """

    def run(live: _LiveBytes) -> int:
        features = _Features(backbone)
        with torch.no_grad(), in_evaluation(features):
            tensors = _on_meta(features, frozenset())
            before = live.live
            functional_call(features, tensors, (_pictures(backbone),))
        return live.peak - before

    return _known(("features", backbone.weights_hash, backbone.transform.pixels), run)


def num_features(backbone: Backbone) -> int:
    """The widths of all stages of a network together, standard deviations included; that of the last where shapes do not tell."""

    def run(live: _LiveBytes) -> int:
        shown = functional_call(_Features(backbone), _on_meta(_Features(backbone), frozenset()), (_pictures(backbone),))
        return sum(one.shape[1] for one in shown)

    with torch.no_grad(), in_evaluation(backbone):
        return _known(("widths", backbone.weights_hash, backbone.transform.pixels), run) or backbone.feature_width


class _Features(nn.Module):
    """The features of every stage side by side."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Of uint8 [batch, channel, height, width]."""
        shown = self.backbone.describe(images)
        return (*shown.stages, *shown.stds)


def bytes_of_pass(module: nn.Module, pixels: int, channels: int, *, traced: bool) -> int:
    """The most bytes that one forward pass takes of a network of which nothing else is known yet.

    Args:
        module: The network.
        pixels: Side of the input square.
        channels: Of a picture.
        traced: Whether it is a pass of `trace`, of three pictures, which holds the outputs of all modules; else of one.

    Returns:
        The bytes; 0 where that cannot be told from shapes.
    """

    def run(live: _LiveBytes) -> int:
        outputs: list[Any] = []
        handles = [part.register_forward_hook(lambda *called: outputs.append(called[2])) for part in module.modules() if traced]
        with torch.no_grad(), in_evaluation(module), hooked(handles):
            tensors = _on_meta(module, frozenset())
            before = live.live
            functional_call(module, tensors, (torch.empty(3 if traced else 1, channels, pixels, pixels, device="meta"),))
        return live.peak - before

    return _found(run)


def bytes_learned_from_picture(backbone: Backbone, trained: frozenset[int] | None = None) -> int:
    """Bytes of activations that are kept of one picture in float32 until its gradients are computed.

    Args:
        backbone: What is trained.
        trained: The ids of the weights that are; None for all.

    Returns:
        The bytes; 0 where that cannot be told from shapes.
    """
    chosen = frozenset(map(id, backbone.module.parameters())) if trained is None else trained

    def run(live: _LiveBytes) -> int:
        with torch.enable_grad(), in_evaluation(backbone):
            tensors = _on_meta(backbone, chosen)
            before = live.live
            features = functional_call(backbone, tensors, (_pictures(backbone).float() / 255,))
            left = live.live - before
        del features
        return left

    num_trained = sum(weight.numel() for weight in backbone.module.parameters() if id(weight) in chosen)
    return _known(("training", backbone.weights_hash, backbone.transform.pixels, num_trained), run)


def _known(key: tuple[Any, ...], run: Callable[[_LiveBytes], int]) -> int:
    if key not in _KNOWN:
        _KNOWN[key] = _found(run)
    return _KNOWN[key]


def _found(run: Callable[[_LiveBytes], int]) -> int:
    try:
        with _FusedAttention(), _LiveBytes() as live:
            return max(0, run(live))
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AssertionError, IndexError):
        return 0


def _on_meta(network: nn.Module, trained: frozenset[int]) -> dict[str, Tensor]:
    """The weights and buffers of a network as tensors without memory; those in `trained` want gradients."""
    weights = {
        name: weight.detach().to("meta").requires_grad_(id(weight) in trained) for name, weight in network.named_parameters()
    }
    return weights | {name: buffer.to("meta") for name, buffer in network.named_buffers()}


def _pictures(backbone: Backbone) -> Tensor:
    """One picture as the network takes it, uint8 [1, channel, height, width], without memory."""
    side = backbone.transform.pixels
    return torch.empty(1, backbone.transform.channels, side, side, dtype=torch.uint8, device="meta")
