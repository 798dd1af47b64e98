"""Information maximization: predictions that are sure one by one and various together."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.losses.entropy import mean_entropy


def information_maximization(logits: Tensor, diversity: float = 1.0) -> Tensor:
    """Mean entropy of the predictions [batch, class] minus the entropy of their mean, in nats: minus their mutual information.

    `diversity` weighs the second entropy; at 1 the loss lies between -log class and 0.

    Reference: Krause, Perona & Gomes, "Discriminative Clustering by Regularized Information Maximization", NeurIPS 2010;
        Liang et al., "Do We Really Need to Access the Source Data?", ICML 2020, section 3.
    """
    shares = torch.softmax(logits, dim=1).mean(dim=0)
    variety: Tensor = torch.special.entr(shares).sum()
    return mean_entropy(logits) - diversity * variety
