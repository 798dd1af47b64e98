"""Adapters: small trained weights beside frozen layers, through the peft package; added into the layers in the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch import nn

from headstart.backbones.backbone import Backbone
from headstart.backbones.boundary import Boundary
from headstart.core.errors import MissingExtraError, PlanError
from headstart.training.learner import Classifier

ADDITIVE = (nn.Linear, nn.Conv2d)
"""Layers that put out a product with their weight, to which a product with other weights can be added. Classes derived from them
need not: some standardize their weight, and attention reads its output layer's weight without calling the layer."""

WITHOUT_PEFT = 'peft is not installed. Install it with `pip install "headstart[adapters]"`.'


def peft_package() -> ModuleType:
    """The peft package, imported; `MissingExtraError` where it is not installed."""
    try:
        import peft  # noqa: PLC0415  takes seconds
    except ImportError:
        raise MissingExtraError(WITHOUT_PEFT) from None
    return peft


def adapted_layers(backbone: Backbone, cuts: Sequence[str]) -> str:
    """A regular expression that matches the names of the layers that take an adapter, as peft's `target_modules`.

    Linear layers and convolutions behind the earliest cut, without convolutions in groups of channels, which leave nothing to be
    low-rank, and without the network's own classifier.

    Args:
        backbone: Whose layers.
        cuts: Stages behind which it is trained in turn, the latest first; none where all of it is.

    Returns:
        The expression.

    Raises:
        PlanError: There is no such layer.
    """
    frozen = Boundary(backbone, cuts[-1]).weights_before() if cuts else set()
    body = {id(weight) for _, weights in backbone.parameter_blocks() for weight in weights} - frozen
    names = [
        name
        for name, part in backbone.module.named_modules()
        if type(part) in ADDITIVE and getattr(part, "groups", 1) == 1 and id(part.weight) in body
    ]
    if not names:
        raise PlanError(
            f"{backbone.card.name} has no plain linear layer or convolution to put an adapter beside. Choose another network, or "
            "lp_ft."
        )
    return "|".join(map(re.escape, names))


def with_adapters(learner: Classifier, config: Any) -> Classifier:
    """The learner, changed in place: adapters of that peft configuration in its backbone are trained, and its head."""
    learner.freeze_all_but(())
    peft_package().inject_adapter_in_model(config, learner.backbone.module)
    return learner


def merge_adapters(backbone: Backbone) -> None:
    """Add what the adapters learned into the layers that they stand beside, and take the adapters away."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415  there once adapters are

    network = backbone.module
    adapted = [(name, part) for name, part in network.named_modules() if isinstance(part, BaseTunerLayer)]
    for name, part in adapted:
        part.merge()
        owner, _, own = name.rpartition(".")
        setattr(network.get_submodule(owner), own, part.get_base_layer())
    del network.peft_config
