"""Conditioning: what a discriminator is shown when it may use what class a picture seems to be of."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def conditioned(features: Tensor, probs: Tensor) -> Tensor:
    """All products of a feature and a class probability, row by row: float [batch, class x feature], the first class's first.

    Detach the probabilities where the class predictions are not to be changed by it.

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018, section 3.2.
    """
    return (probs[:, :, None] * features[:, None, :]).flatten(1)


def randomly_conditioned(features: Tensor, probs: Tensor, feature_map: Tensor, prob_map: Tensor) -> Tensor:
    """Products of random mixtures of features and of probabilities, whose inner products are those of `conditioned` on average.

    The maps, float [feature, width] and [class, width], are fixed, of mean 0 and variance 1; the products are [batch, width].

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018, section 3.2 (randomized).
    """
    products: Tensor = (features @ feature_map) * (probs @ prob_map)
    return products / math.sqrt(feature_map.shape[1])


@torch.no_grad()
def certainty_weights(probs: Tensor) -> Tensor:
    """1 + exp(-entropy) of each row of probabilities [batch, class] over its mean, without a gradient.

    Rows whose class is sure count up to twice as much.

    Reference: Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018, section 3.3 (entropy conditioning).
    Differs: the mean is taken out, so that the weight of the loss does not depend on how sure the network is.
    """
    weights = 1 + torch.exp(torch.special.entr(probs).sum(dim=1).neg())
    return weights / weights.mean()
