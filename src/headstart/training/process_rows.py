"""Process rows: the rows of a batch, divided among processes."""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from headstart.backbones.row_shards import RowShards, Section
from headstart.training.processes import Processes


class ProcessRows(RowShards):
    """A shard of the rows for each process."""

    def __init__(self, processes: Processes) -> None:
        self.index = processes.rank
        self.count = processes.count

    def whole(self, own: Tensor, section: Section) -> Tensor:
        """See `RowShards.whole`; shards of fewer rows are filled up on the way."""
        sizes = section.sizes
        sent = own.new_zeros(sizes[0], *own.shape[1:])
        sent[: len(own)] = own
        found = [torch.empty_like(sent) for _ in sizes]
        distributed.all_gather(found, sent)
        return torch.cat([rows[:size] for rows, size in zip(found, sizes, strict=True)])

    def total(self, own: Tensor) -> Tensor:
        found = own.clone()
        distributed.all_reduce(found)
        return found
