"""Contrast: queries drawn to the keys of their class and away from all others."""

from __future__ import annotations

import torch
from torch import Tensor


def supervised_info_nce(queries: Tensor, keys: Tensor, positive: Tensor, temperature: float) -> Tensor:
    """Mean over the queries of the mean over their positive keys of -log softmax of the similarity.

    At least the log of the number of positive keys. Queries without a positive key are left out; without any query left, the
    loss is 0.

    Args:
        queries: float [query, feature], unit rows for cosines.
        keys: float [key, feature].
        positive: bool [query, key]: which keys a query is to be drawn to.
        temperature: Divides the similarities.

    Returns:
        The loss, float [].

    Reference: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, eq. 2.
    """
    log_shares = torch.log_softmax(queries @ keys.T / temperature, dim=1)
    counts = positive.sum(dim=1)
    rows = -(log_shares * positive).sum(dim=1) / counts.clamp(min=1)
    return rows.sum() / (counts > 0).sum().clamp(min=1)
