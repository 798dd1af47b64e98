"""A whole model as one graph: from pictures as bytes, of any size, to probabilities and novelty p-values."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from headstart.data.resizing_graph import ResizeToSquare
from headstart.features.graph_features import FeaturesGraph, GraphFeatures, PictureGraph

if TYPE_CHECKING:
    from headstart.backbones.extractor import Extractor
    from headstart.methods.model import Model

LEAST_PROBABILITY = 1e-12
"""Probabilities whose logarithm is taken are not smaller; see `core.predictions.log_probs`."""


class MemberGraph(nn.Module):
    """`Model.predict`, of the features of every network.

    Args:
        model: Whose head, temperature, base and partners are taken.
        places: Where each network stands, by its identity.
    """

    def __init__(self, model: Model, places: dict[str, int]) -> None:
        super().__init__()
        self.place = places[model.backbone.identity]
        self.head = model.head.graph()
        self.temperature = model.temperature
        self.base = None if model.base is None else MemberGraph(model.base, places)
        self.partners = nn.ModuleList(MemberGraph(partner, places) for partner in model.partners)
        num = len(model.partners) + 1
        self.shares = model.shares or (1 / num,) * num

    def scores(self, features: list[GraphFeatures]) -> Tensor:
        """`Model.scores`, float64 [sample, class]."""
        own: Tensor = self.head(features[self.place]).double()
        return own if self.base is None else own + self.base.scores(features) / self.base.temperature

    def forward(self, features: list[GraphFeatures]) -> Tensor:
        """The probabilities, float64 [sample, class]."""
        own = torch.softmax(self.scores(features) / self.temperature, dim=1)
        if not len(self.partners):
            return own
        several = [own, *(partner(features) for partner in self.partners)]
        logs = [torch.log(probs.clamp(min=LEAST_PROBABILITY)) for probs in several]
        total = sum((share * log for share, log in zip(self.shares, logs, strict=True)), torch.zeros_like(own))
        return torch.softmax(total, dim=1)


class ModelGraph(PictureGraph):
    """All of a model. Members that use one network share its features, and networks of one side its squares.

    Args:
        model: It stays as it is: networks are copied.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        places = {backbone.identity: place for place, backbone in enumerate(unique_networks(model))}
        self.networks = nn.ModuleList(FeaturesGraph(copy.deepcopy(one.network).cpu()) for one in unique_networks(model))
        self.sides = tuple(cast(FeaturesGraph, network).pixels for network in self.networks)
        self.resizes = nn.ModuleDict({str(side): ResizeToSquare(side) for side in self.sides})
        self.member = MemberGraph(model, places)
        seen = model.detector_model
        self.detector = None if seen is None or seen.novelty_detector is None else seen.novelty_detector.graph()
        self.detector_place = 0 if seen is None else places[seen.backbone.identity]
        self.output_names = ("probs",) if self.detector is None else ("probs", "p_values")
        self.largest_pixels = max(self.sides)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Probabilities, float32 [sample, class], and p-values, float32 [sample], where there is a detector.

        Args:
            images: uint8 [sample, height, width, channel], RGB.

        Returns:
            What `output_names` names.
        """
        pictures = images.permute(0, 3, 1, 2).to(torch.float32)
        squares = {side: resize(pictures) for side, resize in self.resizes.items()}
        features = [network(squares[str(side)]) for side, network in zip(self.sides, self.networks, strict=True)]
        probs = self.member(features).float()
        return (probs,) if self.detector is None else (probs, self.detector(features[self.detector_place]).float())


def unique_networks(model: Model) -> tuple[Extractor, ...]:
    """The networks of all members, each once."""
    return tuple({backbone.identity: backbone for backbone in model.backbones}.values())
