"""Conditioning: what a discriminator is shown when it may use what class a picture seems to be of."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def conditioned(features: Tensor, probs: Tensor) -> Tensor:
    """All products of a feature and a class probability, row by row.

    Args:
        features: float [batch, feature].
        probs: float [batch, class]; detach them where the class predictions are not to be changed by it.

    Returns:
        float [batch, class x feature], the products of the first class first.

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018, section 3.2.
    """
    return (probs[:, :, None] * features[:, None, :]).flatten(1)


def randomly_conditioned(features: Tensor, probs: Tensor, feature_map: Tensor, prob_map: Tensor) -> Tensor:
    """Products of random mixtures of features and of probabilities, whose inner products are those of `conditioned` on average.

    Args:
        features: float [batch, feature].
        probs: float [batch, class].
        feature_map: Fixed, of mean 0 and variance 1, float [feature, width].
        prob_map: Fixed, of mean 0 and variance 1, float [class, width].

    Returns:
        float [batch, width].

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018, section 3.2 (randomized).
    """
    products: Tensor = (features @ feature_map) * (probs @ prob_map)
    return products / math.sqrt(feature_map.shape[1])


@torch.no_grad()
def certainty_weights(probs: Tensor) -> Tensor:
    """1 + exp(-entropy) of each row over its mean: rows whose class is sure count up to twice as much.

    Args:
        probs: float [batch, class].

    Returns:
        float [batch], 1 on average, without a gradient.

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018, section 3.3 (entropy conditioning).
    Differs: the mean is taken out, so that the weight of the loss does not depend on how sure the network is.
    """
    weights = 1 + torch.exp(torch.special.entr(probs).sum(dim=1).neg())
    return weights / weights.mean()
