"""Key queue: the latest keys of a contrast, with their classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.core.types import UNLABELED


class KeyQueue(nn.Module):
    """A fixed number of keys; the oldest make room for new ones. Its buffers are its whole state.

    Args:
        size: Number of keys.
        width: Of a key.

    Reference: He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, section 3.2.
    """

    keys: Tensor
    labels: Tensor
    num_seen: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, width))
        self.register_buffer("labels", torch.full((size,), UNLABELED))
        self.register_buffer("num_seen", torch.zeros((), dtype=torch.int64))

    def behind(self, keys: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """These keys and labels, followed by those that the queue holds."""
        filled = self.labels != UNLABELED
        return torch.cat([keys, self.keys[filled]]), torch.cat([labels, self.labels[filled]])

    @torch.no_grad()
    def push(self, keys: Tensor, labels: Tensor) -> None:
        """Take in keys [batch, width] and labels [batch]; of more than fit, the last ones stay."""
        size = len(self.labels)
        places = (self.num_seen + torch.arange(len(labels), device=labels.device))[-size:] % size
        self.keys[places] = keys.detach()[-size:].to(self.keys.dtype)
        self.labels[places] = labels[-size:]
        self.num_seen += len(labels)
