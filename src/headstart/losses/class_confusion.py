"""Minimum class confusion: predictions that do not hesitate between the same two classes again and again."""

from __future__ import annotations

import torch
from torch import Tensor


def class_confusion(logits: Tensor, temperature: float) -> Tensor:
    """The share of confused pairs of classes in a batch of logits [batch, class], sure rows counting more; below 1.

    The temperature divides the logits. Zero when all predictions are sure; classes are balanced by normalization, so that
    predicting one class alone does not help.

    Reference: Jin et al., "Minimum Class Confusion for Versatile Domain Adaptation", ECCV 2020, section 3.
    """
    probs = torch.softmax(logits / temperature, dim=1)
    certainty = 1 + torch.exp(torch.special.entr(probs).sum(dim=1).neg().detach())
    weights = certainty * len(probs) / certainty.sum()
    correlation = (probs * weights[:, None]).T @ probs
    shares = correlation / correlation.sum(dim=1, keepdim=True)
    return (shares.sum() - shares.diagonal().sum()) / len(shares)
