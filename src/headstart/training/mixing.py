"""Mixing: pictures and their targets blended in pairs."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from headstart.backbones.trace import Layout
from headstart.core.errors import TrainingError
from headstart.training.settings import Mix

MIXUP_ALPHA = 0.2
"""Both parameters of mixup's Beta distribution; the paper's for ImageNet."""
CUTMIX_ALPHA = 1.0
"""Both parameters of CutMix's Beta distribution; the paper's: a uniform share."""


def mixed(
    images: Tensor, targets: Tensor, how: Mix, draw: np.random.Generator, layout: Layout = "channels first"
) -> tuple[Tensor, Tensor]:
    """Each picture blended with another one of the batch, and its targets in the same proportion.

    Args:
        images: float [batch, channel, height, width], or activations of any shape.
        targets: float [batch, class].
        how: "mixup" blends all values, "cutmix" replaces a rectangle, "none" leaves everything.
        draw: Decides partners, proportion and place.
        layout: How the axes of `images` are meant.

    Returns:
        Pictures and targets.

    Raises:
        TrainingError: "cutmix" was asked of activations that have no height and width.

    Reference: Zhang et al., "mixup", ICLR 2018, eq. 1; Yun et al., "CutMix", ICCV 2019, eqs. 1 and 2.
    Differs: where the first part of a network is frozen, activations are mixed in the place of pictures (as in Verma et al.,
        "Manifold Mixup", ICML 2019).
    """
    if how == "none":
        return images, targets
    partners = torch.from_numpy(draw.permutation(len(images))).to(images.device)
    if how == "mixup":
        share = float(draw.beta(MIXUP_ALPHA, MIXUP_ALPHA))
        blended = images.lerp(images[partners], 1 - share)
    else:
        maps = images.movedim(-1, 1) if layout == "channels last" else images
        blended, share = _pasted(maps, partners, draw)
        blended = blended.movedim(1, -1) if layout == "channels last" else blended
    return blended, targets.lerp(targets[partners], 1 - share)


def _pasted(images: Tensor, partners: Tensor, draw: np.random.Generator) -> tuple[Tensor, float]:
    """The pictures with one rectangle of their partners', and the share of the area that stayed."""
    if images.ndim != 4:
        raise TrainingError(
            f"mix = cutmix needs maps with height and width, and this network is cut where it holds {images.ndim - 1} axes a "
            'picture. Set training.mix = "mixup".'
        )
    height, width = images.shape[-2:]
    side = math.sqrt(1 - float(draw.beta(CUTMIX_ALPHA, CUTMIX_ALPHA)))
    center_y, center_x = draw.uniform(0, height), draw.uniform(0, width)
    top, bottom = (int(np.clip(center_y + sign * side * height / 2, 0, height)) for sign in (-1, 1))
    left, right = (int(np.clip(center_x + sign * side * width / 2, 0, width)) for sign in (-1, 1))
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images[partners][:, :, top:bottom, left:right]
    return pasted, 1 - (bottom - top) * (right - left) / (height * width)


def mixed_in_pairs(inputs: Tensor, targets: Tensor, alpha: float, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Each row blended with another one, in a proportion of its own that keeps at least half of the row itself; targets likewise.

    `alpha` is that of the Beta distribution of proportions; near 0 rows stay as they are.

    Reference: Berthelot et al., "MixMatch", NeurIPS 2019, eqs. 8 to 11.
    """
    partners = torch.from_numpy(draw.permutation(len(inputs))).to(inputs.device)
    drawn = draw.beta(alpha, alpha, len(inputs))
    taken = torch.from_numpy(np.minimum(drawn, 1 - drawn)).to(inputs)
    mixed_inputs = inputs.lerp(inputs[partners], taken.view(-1, *[1] * (inputs.ndim - 1)))
    return mixed_inputs, targets.lerp(targets[partners], taken[:, None].to(targets.dtype))
