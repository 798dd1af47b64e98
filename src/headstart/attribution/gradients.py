"""Gradients of what a model says with respect to a map inside each of its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.catalog import provider_of
from headstart.backbones.hooks import hooked, in_evaluation
from headstart.backbones.stages import Stage
from headstart.backbones.trace import first_tensor
from headstart.core.types import Bytes, Floats, Integers
from headstart.features.graph_features import FeaturesGraph, GraphFeatures
from headstart.methods.model import Model
from headstart.methods.model_graph import LEAST_PROBABILITY, MemberGraph, unique_networks

NO_MAP = "{name} has no map of places inside, so that nothing can be told by gradients. Choose --by rise."
NO_GRADIENT = "The head asks nearest neighbors, which have no gradient. Choose --by rise."


class StageMap(NamedTuple):
    """A map inside a network for some pictures, and the gradient with respect to it, in the order of axes that `stage` says."""

    stage: Stage
    values: Tensor
    gradient: Tensor

    def places(self, tensor: Tensor) -> Floats:
        """A tensor of the map's shape with its channels first, float64 [picture, channel, row, column]."""
        array = tensor.detach().numpy().astype(np.float64)
        return array if self.stage.layout == "channels first" else array.transpose(0, 3, 1, 2)


def why_no_gradient(model: Model) -> str:
    """Why a model has no gradient with respect to maps, in a sentence that says what to do; empty where it has."""
    for backbone in model.backbones:
        if not provider_of(backbone.card).takes_pictures or not _maps_of(backbone.network):
            return NO_MAP.format(name=backbone.card.name)
    sides = {backbone.transform.pixels for backbone in model.backbones}
    blank = {side: np.zeros((1, side, side, 3), np.uint8) for side in sides}
    return "" if gradients_at(model, blank, np.zeros(1, np.int64), stages_of(model)) else NO_GRADIENT


def stages_of(model: Model, fewest_places: int = 1) -> list[Stage]:
    """For each of `unique_networks` its last stage with so many places a side; the one with most where none has so many.

    Args:
        model: All of whose networks have maps inside.
        fewest_places: Rows of the map, and columns, at least.

    Returns:
        One stage a network.
    """
    return [_stage_of(extractor.network, fewest_places) for extractor in unique_networks(model)]


def gradients_at(
    model: Model,
    squares: Mapping[int, Bytes],
    labels: Integers,
    stages: Sequence[Stage],
    values: Sequence[Tensor] | None = None,
) -> list[StageMap]:
    """The maps of the networks at these stages, and the gradient of a class's log-odds with respect to them.

    It goes through the rest of the network and through the model's own head, its base and its partners. What a head sees of
    earlier stages stays what it is.

    Args:
        model: What predicts; it stays as it is.
        squares: Pictures at the sides of its networks, uint8 [picture, side, side, 3], by side.
        labels: The class of each picture, int64 [picture].
        stages: One for each of `unique_networks`.
        values: What the maps are replaced by; None for the pictures' own.

    Returns:
        One for each of `unique_networks`; none where small changes of the maps change nothing, as for nearest neighbors.
    """
    networks = [extractor.network for extractor in unique_networks(model)]
    member = MemberGraph(model, {network.identity: place for place, network in enumerate(networks)}).eval()
    given = [None] * len(networks) if values is None else values
    pairs = zip(networks, stages, given, strict=True)
    seen = [_features_beyond(network, squares[network.transform.pixels], stage, one) for network, stage, one in pairs]
    with torch.enable_grad():
        probs = member([features for features, _ in seen]).clamp(LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
        total = torch.logit(probs[torch.arange(len(labels)), torch.from_numpy(labels)]).sum()
    if not total.requires_grad:
        return []
    maps = [inside for _, inside in seen]
    return [StageMap(*one) for one in zip(stages, maps, torch.autograd.grad(total, maps), strict=True)]


def _features_beyond(network: Backbone, squares: Bytes, stage: Stage, value: Tensor | None) -> tuple[GraphFeatures, Tensor]:
    """The features of squares, and the map that those of them which follow from it have a gradient with respect to."""
    outputs: list[Tensor] = []
    calls = [0]

    def cut(module: nn.Module, args: Any, result: Any) -> Tensor | None:
        calls[0] += 1
        found = first_tensor(result)
        if calls[0] - 1 != stage.nth or found is None:
            return None
        torch.set_grad_enabled(True)  # until the block below ends
        outputs.append((found if value is None else value.detach().clone()).requires_grad_())
        return outputs[0].clone() if isinstance(result, Tensor) else None  # what follows may change it in place

    with ExitStack() as stack:
        stack.enter_context(hooked([network.module.get_submodule(stage.name).register_forward_hook(cut)]))
        stack.enter_context(in_evaluation(network))
        stack.enter_context(torch.no_grad())
        features = FeaturesGraph(network)(torch.from_numpy(squares).permute(0, 3, 1, 2).to(torch.float32))
    return features, outputs[0]


def _maps_of(network: Backbone) -> list[Stage]:
    """The stages whose outputs have rows and columns, in depth order."""
    last = network.anatomy.last_map
    stages = (*network.anatomy.stages, *([last] if last else []))
    return [stage for stage in stages if stage.layout in ("channels first", "channels last")]


def _stage_of(network: Backbone, fewest_places: int) -> Stage:
    """The last stage with so many places a side; the one with most where none has so many."""
    stages, sides = _maps_of(network), dict[Stage, int]()

    def measuring(stage: Stage) -> Any:
        def measure(module: nn.Module, args: Any, result: Any) -> None:
            found = first_tensor(result)
            if found is not None:
                sides[stage] = found.shape[2 if stage.layout == "channels first" else 1]

        return measure

    handles = (network.module.get_submodule(stage.name).register_forward_hook(measuring(stage)) for stage in stages)
    with hooked(handles), in_evaluation(network), torch.no_grad():
        network(torch.zeros(1, 3, network.transform.pixels, network.transform.pixels))
    wide = [stage for stage in stages if sides[stage] >= fewest_places]
    return wide[-1] if wide else max(stages, key=sides.__getitem__)
