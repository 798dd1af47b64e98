"""Source head: the classifier that a network was trained with, as a linear layer on its penultimate features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.stages import probe_images
from headstart.backbones.trace import first_tensor
from headstart.core.errors import PlanError

TOLERANCE = 1e-4
"""Largest difference to the network's own scores, relative to the largest score; rounding stays well below."""


def source_head_of(backbone: Backbone) -> nn.Linear:
    """A copy of the classifier of a network in evaluation mode: penultimate features to scores of the source classes.

    Raises `PlanError` where the network has no classifier, or does more than one linear layer between features and scores.
    """
    own = _classifier(backbone)
    head = nn.Linear(backbone.feature_width, backbone.anatomy.num_source_classes, bias=own.bias is not None)
    with torch.no_grad():
        head.weight.copy_(own.weight.flatten(1))
        if own.bias is not None:
            head.bias.copy_(own.bias)
        inputs = backbone.normalized(probe_images(backbone.transform.pixels, backbone.transform.channels).sigmoid())
        expected = first_tensor(backbone.module(inputs))
        if expected is None or not _alike(head(backbone.of_input(inputs)), expected.flatten(1)):
            raise PlanError(
                f"The classifier that {backbone.card.name} was trained with is more than a linear layer on its features. "
                "Choose another network, or l2_sp."
            )
    return head


def write_source_head(backbone: Backbone, head: nn.Linear) -> None:
    """Copy the weights of a head that `source_head_of` made into the network's own classifier."""
    own = _classifier(backbone)
    with torch.no_grad():
        own.weight.copy_(head.weight.view_as(own.weight))
        if own.bias is not None:
            own.bias.copy_(head.bias)


def _classifier(backbone: Backbone) -> nn.Linear | nn.Conv2d:
    name = backbone.anatomy.classifier
    own = None if name is None else backbone.module.get_submodule(name)
    if not isinstance(own, nn.Linear | nn.Conv2d):
        raise PlanError(f"{backbone.card.name} has no classifier of its own. Choose another network, or l2_sp.")
    return own


def _alike(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))
