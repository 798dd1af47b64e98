"""Entropy: how unsure predictions are."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_entropy(logits: Tensor) -> Tensor:
    """Mean over the rows of the entropy of the softmax of logits [batch, class], in nats, from 0 to log class.

    Minimized alone it is also lowest where all rows are of one class; see `information_maximization`.

    Reference: Grandvalet & Bengio, "Semi-supervised Learning by Entropy Minimization", NeurIPS 2004; Wang et al., "Tent",
        ICLR 2021, section 3.1.
    """
    logs = torch.log_softmax(logits, dim=1)
    return -(logs.exp() * logs).sum(dim=1).mean()
