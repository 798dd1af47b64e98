"""Share divergence: predictions whose class shares are those that are expected."""

from __future__ import annotations

import torch
from torch import Tensor


def share_divergence(logits: Tensor, shares: Tensor) -> Tensor:
    """KL divergence of the mean prediction for a batch from expected class shares, in nats; 0 where they are equal.

    With equal shares it is log class minus the entropy of the mean prediction, the diversity of information maximization. A class
    of share 0 counts as one of the smallest positive number.

    Args:
        logits: float [batch, class].
        shares: Expected shares, float [class] of sum 1.

    Returns:
        The divergence, float [].

    Reference: Liang et al., "Do We Really Need to Access the Source Data?", ICML 2020, section 3 (equal shares); Berthelot et
        al., "AdaMatch", ICLR 2022, section 3.3 (shares of the source).
    """
    mean = torch.softmax(logits, dim=1).mean(dim=0)
    tiny = torch.finfo(mean.dtype).tiny
    divergence: Tensor = -(torch.special.entr(mean) + mean * shares.clamp_min(tiny).log()).sum()
    return divergence
