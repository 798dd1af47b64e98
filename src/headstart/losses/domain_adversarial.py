"""Domain-adversarial training: features that a discriminator cannot tell the domain from."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

STEEPNESS = 10.0
"""How fast the reversed gradient grows: gamma in Ganin et al., who take 10."""


def domain_cross_entropy(
    source_scores: Tensor, target_scores: Tensor, source_weights: Tensor | None = None, target_weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy of telling source, class 1, from target, class 0, both domains counting alike; log 2 at chance.

    Args:
        source_scores: A discriminator's logits, float [source].
        target_scores: Its logits, float [target].
        source_weights: How much each row counts, float [source], 1 on average; all alike where left out.
        target_weights: The same for the target, float [target].

    Returns:
        The loss, float [], in nats.

    Reference: Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016, section 4.
    """
    source, target = functional.softplus(-source_scores), functional.softplus(target_scores)
    if source_weights is not None:
        source = source * source_weights
    if target_weights is not None:
        target = target * target_weights
    return (source.mean() + target.mean()) / 2


def reversed_gradient(values: Tensor, strength: float) -> Tensor:
    """The values as they are; on the way back their gradient is multiplied by minus `strength`.

    Reference: Ganin & Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML 2015, section 3.
    """
    reversal: Any = _Reversal  # typed in some releases of PyTorch only
    reversed_gradient: Tensor = reversal.apply(values, strength)
    return reversed_gradient


def reversal_strength(progress: float) -> float:
    """2 / (1 + exp(-10 p)) - 1: from 0 at the beginning to nearly 1, so that a discriminator learns before it is listened to.

    Reference: Ganin & Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML 2015, section 4.
    """
    return 2 / (1 + math.exp(-STEEPNESS * progress)) - 1


class _Reversal(torch.autograd.Function):
    """Identity forward, negation backward."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None
