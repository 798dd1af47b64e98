"""Hooks and modes of a network that last for one block of code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def hooked(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Removes the hooks at the end."""
    registered = list(handles)
    try:
        yield
    finally:
        for handle in registered:
            handle.remove()


@contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """Sets every module to evaluation, and to its own mode at the end."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
