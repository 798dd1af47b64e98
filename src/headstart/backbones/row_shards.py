"""Row shards: a network runs on some rows of a batch, and its outputs for the other rows come from elsewhere.

A loss may compare any two rows of a batch, so that it needs the outputs for all of them. Where the rows of a batch are divided
among processes, or pass in slices, every forward pass of a backbone is a section: it takes the rows of its own shard, and what
leaves it is whole again. Everything else of a training step, losses included, sees whole batches and knows nothing of shards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class RowShards(ABC):
    """Which shard of every batch is run here, and how the others' outputs are come by.

    Attributes:
        index: Which shard.
        count: How many shards there are.
        learns: Whether gradients are computed.
    """

    index: int = 0
    count: int = 1
    learns: bool = True

    @abstractmethod
    def whole(self, own: Tensor, section: Section) -> Tensor:
        """The tensor for all rows, [batch, ...], by that for the rows of the own shard; without gradients."""

    @abstractmethod
    def total(self, own: Tensor) -> Tensor:
        """The sum of a tensor over all shards, without gradients."""


@dataclass(frozen=True)
class Section:
    """One forward pass on the rows of a shard.

    Attributes:
        shards: Of the batch.
        num_rows: Of the whole batch.
    """

    shards: RowShards
    num_rows: int

    @property
    def sizes(self) -> list[int]:
        """Rows of each shard: as many as of any other, up to one."""
        each, more = divmod(self.num_rows, self.shards.count)
        return [each + (place < more) for place in range(self.shards.count)]

    @property
    def size(self) -> int:
        """Rows of the own shard."""
        return self.sizes[self.shards.index]

    @property
    def run_rows(self) -> int:
        """Rows that the network runs on: those of the own shard, or one in their place where it has none."""
        return max(1, self.size)

    @property
    def rows(self) -> slice:
        """The rows of the own shard."""
        begin = sum(self.sizes[: self.shards.index])
        return slice(begin, begin + self.size)

    def own(self, tensor: Tensor) -> Tensor:
        """The rows to run of a tensor for all rows, with one entry for each row, or several that follow each other."""
        each = len(tensor) // self.num_rows
        begin = min(self.rows.start, self.num_rows - 1)
        return tensor[each * begin : each * (begin + self.run_rows)]

    def whole(self, own: Tensor) -> Tensor:
        """The tensor for all rows, by that for the rows that were run; gradients reach the own rows."""
        return _Whole.apply(own, self)  # type: ignore[no-any-return, no-untyped-call]


class _Whole(torch.autograd.Function):
    """The outputs of all shards; every shard's gradient is multiplied by their number, so that their mean is the sum."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, section: Section) -> Tensor:
        """The tensor for all rows."""
        ctx.section = section
        return section.shards.whole(own[: section.size], section)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient for the rows that were run; 0 for one that stands in."""
        section: Section = ctx.section
        if section.size:
            return section.shards.count * gradient[section.rows], None
        return gradient.new_zeros(1, *gradient.shape[1:]), None


_SHARDS: ContextVar[RowShards | None] = ContextVar("row shards", default=None)
_SECTION: ContextVar[Section | None] = ContextVar("section of row shards", default=None)


@contextmanager
def divided_rows(shards: RowShards | None) -> Iterator[None]:
    """Inside, backbones run on their own shard of the rows; None changes nothing."""
    token = _SHARDS.set(shards)
    try:
        yield
    finally:
        _SHARDS.reset(token)


def section_of(num_rows: int) -> Section | None:
    """The section that a forward pass on so many rows is; None where rows are not divided, or it is inside of another one."""
    shards = _SHARDS.get()
    return Section(shards, num_rows) if shards is not None and num_rows and _SECTION.get() is None else None


@contextmanager
def inside(section: Section) -> Iterator[None]:
    """Inside, that forward pass is made."""
    token = _SECTION.set(section)
    try:
        with torch.set_grad_enabled(section.shards.learns and torch.is_grad_enabled()):
            yield
    finally:
        _SECTION.reset(token)


def whole_rows(own: Tensor) -> Tensor:
    """Inside a forward pass, a tensor for all rows by that for the rows that are run; elsewhere the tensor itself."""
    section = _SECTION.get()
    return own if section is None else section.whole(own)


def own_rows(whole: Tensor) -> Tensor:
    """Inside a forward pass, those rows of a tensor for all rows that are run; elsewhere the tensor itself."""
    section = _SECTION.get()
    return whole if section is None else section.own(whole)


def num_whole_rows(own: Tensor) -> int:
    """The rows of the whole batch that a tensor inside a forward pass belongs to."""
    section = _SECTION.get()
    return len(own) if section is None else section.num_rows
