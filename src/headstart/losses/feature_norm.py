"""Feature norm: features that grow step by step."""

from __future__ import annotations

import torch
from torch import Tensor


def norm_gap(features: Tensor, step: float) -> Tensor:
    """Mean squared distance of the rows' lengths from what they are now plus a step: always step^2, its gradient counts.

    Features of large norm transfer better, the paper finds; each row's grows by itself.

    Reference: Xu et al., "Larger Norm More Transferable: An Adaptive Feature Norm Approach for Unsupervised Domain Adaptation",
        ICCV 2019, section 3 (stepwise).
    """
    lengths: Tensor = torch.linalg.vector_norm(features, dim=1)
    gaps = lengths.detach() + step - lengths
    return gaps.square().mean()
