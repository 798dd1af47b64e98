"""Pseudo-labels: targets made of a model's own probabilities; they carry no gradient."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


@torch.no_grad()
def confident_targets(probs: Tensor, threshold: float | Tensor = 0.0) -> Tensor:
    """All mass on the likeliest class, in rows [batch, class] where its probability reaches the threshold; zeros in the others.

    The threshold is one for all, or float [class] with that of each likeliest class. Against such targets `soft_cross_entropy` is
    the masked loss of FixMatch.

    Reference: Sohn et al., "FixMatch", NeurIPS 2020, eq. 4; Zhang et al., "FlexMatch", NeurIPS 2021, eq. 10 (a threshold a
        class).
    """
    confidence, classes = probs.max(dim=1)
    confident = confidence >= (threshold[classes] if isinstance(threshold, Tensor) else threshold)
    return functional.one_hot(classes, probs.shape[1]) * confident[:, None].to(probs.dtype)


@torch.no_grad()
def sharpened(probs: Tensor, temperature: float) -> Tensor:
    """Probabilities [batch, class] to the power of 1 / temperature, normalized; below 1 the likeliest class gains.

    Reference: Berthelot et al., "MixMatch", NeurIPS 2019, eq. 7.
    """
    return torch.softmax(probs.log() / temperature, dim=1)
