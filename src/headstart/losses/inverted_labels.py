"""Inverted labels: what teaches target features to pass for source features."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def inverted_labels(target_scores: Tensor) -> Tensor:
    """Mean of -log of the probability that a discriminator gives to target rows of being source rows, by its logits [target].

    Unlike the reversed gradient of the discriminator's loss it is steep where the discriminator is right.

    Reference: Tzeng et al., "Adversarial Discriminative Domain Adaptation", CVPR 2017, section 3.
    """
    return functional.softplus(-target_scores).mean()
