"""NT-Xent: two views of a picture must be more alike than views of different pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding a picture's other view among all views of the batch, by cosine.

    Args:
        first: Projections of one view, float [batch, feature]; two rows at least, as the others are what it is told from.
        second: Projections of the other view of the same pictures, float [batch, feature].
        temperature: Divides the cosines, above 0.

    Returns:
        The mean over both views of all pictures, float [], in nats; log(2 batch - 1) where all projections are equal.

    Reference: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, eq. 1.
    """
    unit = functional.normalize(torch.cat([first, second]), dim=1)
    similarities = unit @ unit.T / temperature
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    others = torch.arange(len(unit), device=unit.device).roll(len(first))
    return functional.cross_entropy(similarities.masked_fill(itself, float("-inf")), others)
