"""Cross-entropy against soft, weighted or missing targets."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the rows of the cross-entropy between targets and the softmax of the logits, both [batch, class], in nats.

    A row of targets that sums to w counts w times, and a row of zeros, which stands for an unknown label, counts nothing but is
    a row of the mean. PyTorch's `cross_entropy` has the same gradient, but sums in another order, which changes the last digits
    of losses, and so the steps of methods that weigh domains by their losses.
    """
    return -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
