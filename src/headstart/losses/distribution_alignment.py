"""Distribution alignment: predictions whose mean is what the shares of the classes should be."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def aligned(probs: Tensor, wanted: Tensor, found: Tensor) -> Tensor:
    """Probabilities [batch, class] times wanted shares over found shares, both [class], normalized by row, without a gradient.

    Reference: Berthelot et al., "ReMixMatch", ICLR 2020, section 3.1.
    """
    scaled = probs * (wanted / found.clamp_min(torch.finfo(found.dtype).tiny))
    return scaled / scaled.sum(dim=1, keepdim=True)
