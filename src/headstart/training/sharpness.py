"""Sharpness-aware minimization: gradients taken a small way uphill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

TINY = 1e-12


def memory_of(learner: nn.Module) -> dict[str, Tensor]:
    """A copy of what a method remembers from step to step beside weights, as running means and queues; by name in `extra`."""
    extra = getattr(learner, "extra", None)
    if extra is None:
        return {}
    names = extra.state_dict().keys()
    return {name: buffer.clone() for name, buffer in extra.named_buffers() if name in names}


def recall(learner: nn.Module, memory: dict[str, Tensor]) -> None:
    """Restore what a method remembers, so that a batch that passes twice counts once."""
    for name, tensor in memory.items():
        learner.get_submodule("extra").get_buffer(name).copy_(tensor)


@contextmanager
def uphill(learner: nn.Module, radius: float) -> Iterator[None]:
    """Parameters moved by radius * gradient / norm of the whole gradient; they are back where they were afterwards.

    The radius is rho in the paper. Batch normalization that is learning its running mean and variance does not learn them
    meanwhile, as the batch has passed already.

    Reference: Foret et al., "Sharpness-Aware Minimization", ICLR 2021, eq. 2 and algorithm 1.
    """
    moved = [parameter for parameter in learner.parameters() if parameter.grad is not None]
    norms = [(module, module.momentum) for module in learner.modules() if isinstance(module, _BatchNorm)]
    before = [parameter.detach().clone() for parameter in moved]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(parameter.grad) for parameter in moved]))
        for parameter in moved:
            parameter.add_(parameter.grad * (radius / (norm + TINY)))
    for module, _ in norms:
        module.momentum = 0.0
    try:
        yield
    finally:
        for module, momentum in norms:
            module.momentum = momentum
        with torch.no_grad():
            for parameter, value in zip(moved, before, strict=True):
                parameter.copy_(value)
