"""Deep CORAL: second-order statistics of two domains held together."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.core.errors import DataError


def deep_coral(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance between the feature covariances of two domains.

    Zero when second-order statistics agree; the means may still differ.

    Args:
        source: Features of source-domain images, float [source, feature]; two rows at least.
        target: Features of target-domain images, float [target, feature]; two rows at least.

    Returns:
        The loss, float [], divided by 4 d^2 as in the paper, d being the number of features.

    Raises:
        DataError: A batch has fewer than two rows.

    Reference: Sun & Saenko, "Deep CORAL", ECCV 2016 Workshops, eqs. 1-3.
    """
    if min(len(source), len(target)) < 2:
        raise DataError(
            f"A covariance needs two rows, and these batches have {len(source)} and {len(target)}. "
            "Set training.batch_size to 2 or more, better 32."
        )
    difference = torch.cov(source.T) - torch.cov(target.T)
    return difference.square().sum() / (4 * source.shape[1] ** 2)
