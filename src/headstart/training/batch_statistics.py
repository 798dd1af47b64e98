"""Batch statistics: means and variances inside a network, taken of other pictures than those it was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.backbones.hooks import hooked
from headstart.core.errors import DataError, PlanError
from headstart.core.seeds import generator_for
from headstart.data.images import ImageSet
from headstart.training.pictures import decoded

BATCH_ROWS = 64
PRIOR_ROWS = 128
"""How many pictures the statistics of training count for: with 128 others both count alike. Chosen, not measured."""


def with_statistics_of(backbone: Backbone, images: ImageSet, prior_rows: int = PRIOR_ROWS, seed: int = 0) -> Backbone:
    """A copy whose batch normalizations normalize by means and variances of these pictures, no label being read.

    The layers see what earlier ones make of batches by the batches' own statistics; those of all pictures are then blended with
    the ones that the backbone came with. Pictures of one class alone move classes together: give a mixture.

    Args:
        backbone: Has batch normalization; it is not changed.
        images: Pictures, better some hundreds.
        prior_rows: How many pictures the statistics that are there count for; 0 forgets them.
        seed: Of the order in which pictures come together in batches.

    Returns:
        The copy, in evaluation mode.

    Raises:
        DataError: There are fewer than two pictures, or they are feature vectors.
        PlanError: The backbone has no batch normalization that keeps statistics.

    Reference: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", ICLR 2017 Workshop (AdaBN); Schneider
        et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS 2020 (the blend).
    """
    if len(images) < 2 or images.images.embedded:
        what = "feature vectors were given" if images.images.embedded else f"{len(images)} was given"
        raise DataError(f"Statistics inside a network are taken of two pictures or more, and {what}. Give more pictures.")
    adapted = backbone.copy()
    norms = norms_of(adapted)
    pixels = decoded(images, adapted.transform)
    order = generator_for(seed, "batch statistics").permutation(len(images))
    with torch.no_grad(), _moments_seen(norms) as moments:
        adapted.eval()  # nothing is dropped at random
        for norm in norms:
            norm.train()
        for rows in np.array_split(order, max(1, len(images) // BATCH_ROWS)):
            adapted(torch.from_numpy(pixels[rows]).permute(0, 3, 1, 2))
    share = len(images) / (len(images) + prior_rows)
    for norm, (mean, variance), before in zip(norms, moments, norms_of(backbone), strict=True):
        _blend(norm, before, mean, variance, share)
    return adapted.refreshed().eval()


def norms_of(backbone: Backbone) -> list[_BatchNorm]:
    """The batch normalizations that keep statistics, in the order of the modules; `PlanError` where there is none."""
    found = [part for part in backbone.module.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]
    if not found:
        raise PlanError(
            f"{backbone.card.name} has no batch normalization whose statistics could follow other pictures. Leave it."
        )
    return found


@contextmanager
def _moments_seen(norms: list[_BatchNorm]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Means and variances by channel of all that the layers are given meanwhile, filled in at the end."""
    sums = [[torch.zeros((), dtype=torch.float64) for _ in range(3)] for _ in norms]

    def hook_for(place: int) -> Any:
        def hook(module: Any, args: tuple[Tensor, ...]) -> None:
            values = args[0].double().transpose(0, 1).flatten(1)
            number = torch.tensor(float(values.shape[1]), dtype=torch.float64)
            seen = (number, values.sum(dim=1), values.square().sum(dim=1))
            sums[place] = [old + new for old, new in zip(sums[place], seen, strict=True)]

        return hook

    handles = [norm.register_forward_pre_hook(hook_for(place)) for place, norm in enumerate(norms)]
    moments: list[tuple[Tensor, Tensor]] = []
    with hooked(handles):
        yield moments
    means = [first / number for number, first, _ in sums]
    moments += [(mean, second / number - mean.square()) for mean, (number, _, second) in zip(means, sums, strict=True)]


def _blend(norm: _BatchNorm, before: _BatchNorm, mean: Tensor, variance: Tensor, share: float) -> None:
    if norm.running_mean is None or before.running_mean is None or norm.running_var is None or before.running_var is None:
        raise AssertionError("norms_of leaves out what keeps no statistics")
    norm.running_mean.copy_(before.running_mean.double().lerp(mean, share))
    norm.running_var.copy_(before.running_var.double().lerp(variance.clamp_min(0), share))
    if norm.num_batches_tracked is not None and before.num_batches_tracked is not None:
        norm.num_batches_tracked.copy_(before.num_batches_tracked)
