"""A whole model of outputs as one graph: from pictures as bytes, of any size, to probabilities or numbers."""

from __future__ import annotations

import copy
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from headstart.data.resizing_graph import ResizeToSquare
from headstart.features.graph_features import Constants, FeaturesGraph, PictureGraph
from headstart.multioutput.model import OutputModel


class OutputGraph(PictureGraph):
    """`OutputModel.values`; prediction intervals are no part of it.

    Args:
        model: It stays as it is: networks are copied.
    """

    def __init__(self, model: OutputModel) -> None:
        super().__init__()
        networks = tuple({member.backbone.identity: member.backbone for member in model.averaged}.values())
        places = {backbone.identity: place for place, backbone in enumerate(networks)}
        self.networks = nn.ModuleList(FeaturesGraph(copy.deepcopy(one.network).cpu()) for one in networks)
        self.sides = tuple(cast(FeaturesGraph, network).pixels for network in self.networks)
        self.resizes = nn.ModuleDict({str(side): ResizeToSquare(side) for side in self.sides})
        self.heads = nn.ModuleList(member.head.graph() for member in model.averaged)
        self.places = tuple(places[member.backbone.identity] for member in model.averaged)
        self.link = Constants(np.asarray(model.link.slope, np.float64), np.asarray(model.link.offset, np.float64))
        self.are_probabilities = model.kind.noun == "labels"
        self.output_names = ("probabilities",) if self.are_probabilities else ("values",)
        self.largest_pixels = max(self.sides)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Probabilities or numbers, float32 [sample, output], of uint8 [sample, height, width, channel], RGB."""
        pictures = images.permute(0, 3, 1, 2).to(torch.float32)
        squares = {side: resize(pictures) for side, resize in self.resizes.items()}
        features = [network(squares[str(side)]) for side, network in zip(self.sides, self.networks, strict=True)]
        scores = [head(features[place]).double() for head, place in zip(self.heads, self.places, strict=True)]
        slope, offset = self.link.tensors
        line = sum(scores[1:], scores[0]) / len(scores) * slope + offset
        return (torch.sigmoid(line).float() if self.are_probabilities else line.float(),)
