"""Sharpness-aware minimization: gradients taken a small way uphill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

TINY = 1e-12


@contextmanager
def uphill(parameters: Iterable[nn.Parameter], radius: float) -> Iterator[None]:
    """Parameters moved by radius * gradient / norm of the whole gradient; they are back where they were afterwards.

    Args:
        parameters: Those without a gradient stay.
        radius: Length of the move, rho in the paper.

    Yields:
        Nothing; take new gradients inside.

    Reference: Foret et al., "Sharpness-Aware Minimization", ICLR 2021, eq. 2 and algorithm 1.
    Differs: batch normalization that is still learning sees each batch twice.
    """
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in moved]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(parameter.grad) for parameter in moved]))
        for parameter in moved:
            parameter.add_(parameter.grad * (radius / (norm + TINY)))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(moved, before, strict=True):
                parameter.copy_(value)
