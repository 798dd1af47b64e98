"""Margin disparity: how far a second classifier can leave a first one on target rows while it follows it on source rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def margin_disparity(
    source_scores: Tensor, source_auxiliary: Tensor, target_scores: Tensor, target_auxiliary: Tensor, margin: float
) -> Tensor:
    """What the second classifier minimizes: agreement on source rows times a margin factor, disagreement on target rows.

    Args:
        source_scores: The first classifier's logits, float [source, class]; only its likeliest class counts, without gradient.
        source_auxiliary: The second one's logits, float [source, class].
        target_scores: float [target, class], as on the source.
        target_auxiliary: float [target, class].
        margin: Weight of the source, exp of the margin, at least 1.

    Returns:
        The loss, float [], in nats.

    Reference: Zhang et al., "Bridging Theory and Algorithm for Domain Adaptation", ICML 2019, section 4.
    """
    agreeing = functional.cross_entropy(source_auxiliary, source_scores.argmax(dim=1))
    claimed = functional.log_softmax(target_auxiliary, dim=1).gather(1, target_scores.argmax(dim=1, keepdim=True))
    # log(1 - p); where p rounds to 1 the gradient would be infinite.
    leaving = -torch.log((1 - claimed.exp()).clamp_min(torch.finfo(claimed.dtype).eps)).mean()
    return margin * agreeing + leaving
