"""L2-SP: weight decay toward the weights that training started from."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def l2_sp(body: Iterable[tuple[Tensor, Tensor]], head: Iterable[Tensor], alpha: float, beta: float) -> Tensor:
    """Half alpha |w - w0|^2 over what came pretrained, plus half beta |w|^2 over what is new.

    Zero when the body is at its starting point and the head at zero.

    Args:
        body: Pretrained weights, each with its starting point of the same shape.
        head: New weights.
        alpha: Pull toward the starting point.
        beta: Pull toward zero.

    Returns:
        The loss, float [].

    Reference: Li, Grandvalet & Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018,
        section 3 (L2-SP).
    """
    away = [(weight - start).square().sum() for weight, start in body]
    size = [weight.square().sum() for weight in head]
    return alpha / 2 * torch.stack(away).sum() + beta / 2 * torch.stack(size).sum()
