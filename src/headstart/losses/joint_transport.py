"""Joint transport: what it costs to carry source features with their labels to target features with their predictions."""

from __future__ import annotations

import math

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional


def joint_cost(distances: Tensor, labels: Tensor, target_logits: Tensor, feature_weight: float, label_weight: float) -> Tensor:
    """Weighted distance of features plus weighted cross-entropy of target predictions with source labels, pair by pair.

    Args:
        distances: Of features, squared, float [source, target].
        labels: Of the source rows, as probabilities, float [source, class].
        target_logits: float [target, class].
        feature_weight: Of the distances, alpha in the paper.
        label_weight: Of the cross-entropies, lambda_t in the paper.

    Returns:
        float [source, target].

    Reference: Damodaran et al., "DeepJDOT", ECCV 2018, section 3.
    """
    return feature_weight * distances - label_weight * labels @ functional.log_softmax(target_logits, dim=1).T


@torch.no_grad()
def optimal_coupling(cost: Tensor) -> Tensor:
    """The cheapest way, float [source, target] of sum 1, to move equal masses of all rows to equal masses of all columns.

    Each row is split into as many equal parts as a column needs, and parts are assigned one to one, which is exact. It is quick
    where one side is a multiple of the other. No gradient goes through it.

    Reference: Peyré & Cuturi, "Computational Optimal Transport", 2019, proposition 2.1 (assignments among couplings).
    """
    num_source, num_target = cost.shape
    num_pieces = math.lcm(num_source, num_target)
    per_row, per_column = num_pieces // num_source, num_pieces // num_target
    split = cost.double().cpu().repeat_interleave(per_row, dim=0).repeat_interleave(per_column, dim=1)
    rows, columns = (torch.from_numpy(found) for found in linear_sum_assignment(split.numpy()))
    coupling = torch.zeros(num_source, num_target, dtype=torch.float64)
    coupling.index_put_(
        (rows // per_row, columns // per_column), torch.full((num_pieces,), 1 / num_pieces).double(), accumulate=True
    )
    return coupling.to(cost)
