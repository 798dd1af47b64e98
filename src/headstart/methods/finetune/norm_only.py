"""Norm only: scales and shifts of normalization layers trained from a fitted linear head."""

from __future__ import annotations

from typing import ClassVar, final

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from headstart.backbones.backbone import Backbone
from headstart.methods._fine_tuning import WeightSubset

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@final
class NormOnly(WeightSubset):
    """Trains the scale and the shift of every normalization layer and a head that starts at the ridge solution, nothing else.

    These weights, well under one in a hundred, turn each channel up, down or off: enough to choose among the features that a
    network has, too few to forget them. The statistics of batch normalization stay.

    Needs: labeled rows, and a network with normalization layers (batch, layer, group, instance or root mean square).
    Helps: with few rows, or where pictures differ from those of the source in brightness, contrast or sharpness.
    Hurts: where new features are needed; choose lp_ft there.

    Reference: Frankle et al., "Training BatchNorm and Only BatchNorm", ICLR 2021, section 3.
    Differs: they train on random weights without a head's help; here weights are pretrained and the head is fitted first.
    """

    trained: ClassVar[str] = "normalization layers"

    def weights(self, backbone: Backbone) -> list[nn.Parameter]:
        """The scales and shifts of all normalization layers."""
        layers = [layer for layer in backbone.module.modules() if isinstance(layer, NORMS)]
        return [weight for layer in layers for weight in layer.parameters(recurse=False)]
