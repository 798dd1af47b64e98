"""BitFit: biases trained from a fitted linear head, nothing else."""

from __future__ import annotations

from typing import ClassVar, final

from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.methods._fine_tuning import WeightSubset


@final
class BitFit(WeightSubset):
    """Trains every bias of the network, those of normalization layers among them, and a head that starts at the ridge solution.

    Biases move the thresholds at which features fire, not what they respond to. It differs from norm_only by leaving
    the scales of normalization out and taking the biases of other layers in; on convolutional networks, whose convolutions
    mostly have none, it trains half of what norm_only trains.

    Needs: labeled rows, and a network with biases.
    Helps: with few rows, above all on transformers, whose layers all have biases.
    Hurts: where new features are needed; choose lp_ft there.

    Reference: Ben Zaken et al., "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked Language-models",
        ACL 2022, section 3.
    """

    trained: ClassVar[str] = "biases"

    def weights(self, backbone: Backbone) -> list[nn.Parameter]:
        """All biases, without those of the network's own classifier."""
        body = {id(weight) for _, weights in backbone.parameter_blocks() for weight in weights}
        named = backbone.module.named_parameters()
        return [weight for name, weight in named if name.endswith("bias") and id(weight) in body]
