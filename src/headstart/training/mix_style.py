"""MixStyle: pictures that borrow each other's style inside a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from headstart.backbones.backbone import Backbone
from headstart.backbones.hooks import hooked
from headstart.backbones.row_shards import num_whole_rows, own_rows, whole_rows
from headstart.backbones.trace import Layout
from headstart.training.learner import Classifier

EPSILON = 1e-6


def styles_mixed(maps: Tensor, partners: Tensor, shares: Tensor, layout: Layout = "channels first") -> Tensor:
    """Maps whose mean and standard deviation over places, channel by channel, are blended with those of other rows' maps.

    `partners`, int64 [batch], says with whose; `shares`, float [batch], how much of its own style each row keeps. No gradient
    goes through the styles.

    Reference: Zhou et al., "Domain Generalization with MixStyle", ICLR 2021, eqs. 3-6.
    """
    places = tuple(range(2, maps.ndim)) if layout == "channels first" else tuple(range(1, maps.ndim - 1))
    with torch.no_grad():
        mean = maps.mean(dim=places, keepdim=True)
        std = (maps.var(dim=places, keepdim=True) + EPSILON).sqrt()
        own, partners = own_rows(shares).to(maps).view(-1, *[1] * (maps.ndim - 1)), own_rows(partners)
        new_mean, new_std = (own * style + (1 - own) * whole_rows(style)[partners] for style in (mean, std))
    return (maps - mean) / std * new_std + new_mean


def mixed_stages(backbone: Backbone) -> tuple[str, ...]:
    """The names of the stages behind which styles are mixed: the first two, where a feature's statistics over places are style.

    Further back they tell classes apart. Mixing behind a cut at 60 % of the work of EfficientNet-Lite0 was 17 points
    below erm on rotated digits, and here 0.8 (one seed each; `python -m benchmarks.domain_generalization`).

    Reference: Zhou et al., "Domain Generalization with MixStyle", ICLR 2021, section 2.2.
    """
    return backbone.stage_names[:2]


@contextmanager
def mixing_styles(learner: Classifier, probability: float, alpha: float) -> Iterator[None]:
    """Let the learner mix styles meanwhile behind those of `mixed_stages` that it computes, a cut's own stage among them.

    Each pass mixes with that probability. `alpha` is that of the beta distribution of the shares; small values leave most rows
    nearly as they are or swap styles whole. Draws come from the global random stream.
    """
    names = learner.backbone.stage_names
    first = names.index(learner.boundary.stage) if learner.boundary else 0
    layouts: dict[str, Layout] = {stage.name: stage.layout for stage in learner.backbone.anatomy.stages}
    chosen = [name for name in mixed_stages(learner.backbone) if names.index(name) >= first]
    if not chosen:
        raise AssertionError("the cut lies behind every stage where styles are mixed")

    def hook_for(layout: Layout) -> Any:
        def hook(module: Any, args: Any, maps: Tensor) -> Tensor:
            if maps.ndim < 3 or float(torch.rand(())) >= probability:
                return maps
            count = num_whole_rows(maps)
            partners = torch.randperm(count)
            shares = torch.distributions.Beta(alpha, alpha).sample((count,))
            return styles_mixed(maps, partners.to(maps.device), shares.to(maps.device), layout)

        return hook

    module = learner.backbone.module
    with hooked([module.get_submodule(name).register_forward_hook(hook_for(layouts[name])) for name in chosen]):
        yield
