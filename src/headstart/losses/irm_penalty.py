"""IRM's penalty: a classifier that is the best one on every domain at once."""

from __future__ import annotations

import torch
from torch import Tensor


def irm_penalty(logits: Tensor, targets: Tensor) -> Tensor:
    """The squared derivative of a domain's cross-entropy by a common factor on its logits [batch, class], at factor 1.

    The derivative is the mean over rows of sum (p - y) z; the product of those of the even and of the odd rows estimates its
    square without the bias of a small batch, and may be negative. Two rows at least.

    Reference: Arjovsky et al., "Invariant Risk Minimization", 2019, section 3.1 (IRMv1) and appendix D (two halves of a batch).
    """
    slopes = ((torch.softmax(logits, dim=1) - targets) * logits).sum(dim=1)
    return slopes[::2].mean() * slopes[1::2].mean()
