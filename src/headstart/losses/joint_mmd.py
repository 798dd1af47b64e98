"""Joint MMD: how far the joint distributions of several layers' outputs lie apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from headstart.losses.mmd import WIDTHS, gaussian_kernel, mean_difference


def joint_mmd(source: Sequence[Tensor], target: Sequence[Tensor], widths: Sequence[tuple[float, ...]] = ()) -> Tensor:
    """MMD under the product of the layers' kernels, which sees how layers go together and not each layer alone.

    Args:
        source: float [source, feature] a layer, such as features and class probabilities.
        target: float [target, feature] a layer, in the same order.
        widths: Of the kernels, layer by layer, see `gaussian_kernel`; the usual ones where left out.

    Returns:
        The loss, float [], at least 0.

    Reference: Long et al., "Deep Transfer Learning with Joint Adaptation Networks", ICML 2017, section 4.
    Differs: every pair counts, a row with itself too.
    """
    layers = [torch.cat(pair) for pair in zip(source, target, strict=True)]
    chosen = widths or [WIDTHS] * len(layers)
    kernels = [gaussian_kernel(rows, own) for rows, own in zip(layers, chosen, strict=True)]
    return mean_difference(torch.stack(kernels).prod(dim=0), len(source[0]))
