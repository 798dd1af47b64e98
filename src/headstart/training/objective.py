"""Objective: the losses of a batch and the gradients of their sum, in one piece, in slices, or divided among processes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from headstart.backbones.row_shards import RowShards, Section
from headstart.core.errors import PlanError
from headstart.training.batches import Batch
from headstart.training.learner import Learner
from headstart.training.process_rows import ProcessRows
from headstart.training.processes import Processes

Losses: TypeAlias = Callable[[Any, dict[str, Batch], float], dict[str, Tensor]]
"""(learner, batch by stream, share of the steps done) to the losses by name; their sum is minimized. The share stays at 1 where
more steps are tried than the fit has."""

SYNC_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in inspect.signature(DistributedDataParallel).parameters
)
"""Releases of PyTorch differ in the name."""

Forward: TypeAlias = Callable[[Any, RowShards | None], tuple[dict[str, float], Tensor]]
"""(objective, shards of the rows) to the losses by name and their sum; every call has the same batch and random draws."""


class Objective(nn.Module):
    """The losses of a learner, as the module whose parameters they are trained by."""

    def __init__(self, learner: Learner, losses: Losses) -> None:
        super().__init__()
        self.learner = learner
        self.losses = losses

    def forward(self, batch: dict[str, Batch], progress: float) -> tuple[dict[str, Tensor], Tensor]:
        """The losses by name, and their sum."""
        losses = self.losses(self.learner, batch, progress)
        return losses, torch.stack(list(losses.values())).sum()


class Gradients:
    """Leaves the gradients of the summed loss of a batch in the parameters; they are those of the whole batch, up to rounding.

    Where a batch passes in slices, the network runs on all of its rows without gradients first. The losses are then computed once
    for every slice, of the whole batch, with outputs whose gradients reach the rows of that slice, so that the memory that a
    step takes is that of one slice. This is exact for every loss, but a network that learns batch statistics cannot do it.

    Args:
        learner: What is trained.
        losses: What is minimized.
        accumulate: Slices of the rows of a process.
        processes: Those that rows are divided among; None for one.
        accelerator: Device and precision.

    Reference: Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP 2021 (GradCache).
    """

    def __init__(
        self, learner: Learner, losses: Losses, accumulate: int, processes: Processes | None, accelerator: Accelerator
    ) -> None:
        self.own = Objective(learner, losses)
        self.accumulate = accumulate
        self.accelerator = accelerator
        self.processes = processes
        self.rows = None if processes is None else ProcessRows(processes)
        self.replica: Any = self.own if processes is None else _replica(self.own, accelerator.device)

    def leave(self, forward: Forward) -> tuple[dict[str, float], bool]:
        """Compute the gradients; the losses, and whether they are finite, as there are no gradients otherwise."""
        if self.accumulate > 1:
            return self._leave_in_slices(forward)
        found, total = forward(self.replica, self.rows)
        values, finite = self._agreed(found, total)
        if finite:
            self.accelerator.backward(total)
        return values, finite

    def _leave_in_slices(self, forward: Forward) -> tuple[dict[str, float], bool]:
        self.check()
        learner = self.own.learner
        before = {name: buffer.clone() for name, buffer in learner.named_buffers()}
        recorded = RecordedRows(self.rows)
        values, finite = self._agreed(*forward(self.own, recorded))
        for index in range(self.accumulate if finite else 0):
            for name, buffer in learner.named_buffers():
                buffer.copy_(before[name])  # what a method remembers takes in a batch once
            last = index + 1 == self.accumulate
            with nullcontext() if last or self.processes is None else self.replica.no_sync():
                _, total = forward(self.replica, SliceRows(recorded, index, self.accumulate))
                self.accelerator.backward(total / self.accumulate)
        return values, finite

    def _agreed(self, values: dict[str, float], total: Tensor) -> tuple[dict[str, float], bool]:
        if self.processes is None:
            return values, bool(torch.isfinite(total.detach()))
        *losses, summed = self.processes.agreed([*values.items(), ("sum", float(total.detach()))])
        return dict(losses), math.isfinite(summed[1])

    def check(self) -> None:
        """Refuse slices of a network that learns batch statistics in the mode that it is in."""
        body = [module for name, module in self.own.learner.named_modules() if name.startswith("backbone.")]
        if self.accumulate > 1 and any(isinstance(module, _BatchNorm) and module.training for module in body):
            raise PlanError(
                f"training.accumulate = {self.accumulate} needs a network that keeps the statistics of its batch normalization, "
                "and this one learns them from whole batches. Set it to 1, and divide the batch among processes."
            )


def _replica(objective: Objective, device: torch.device) -> DistributedDataParallel:
    """The objective with gradients that are averaged over the processes; a fit trains a part of its weights, or none of some."""
    devices = None if device.type == "cpu" else [torch.cuda.current_device()]
    buffers: dict[str, Any] = {SYNC_BUFFERS: False}  # every process computes the same ones
    return DistributedDataParallel(objective, devices, find_unused_parameters=True, **buffers)


class RecordedRows(RowShards):
    """Runs the network without gradients, and remembers its outputs for whole batches, one call after the other.

    Args:
        rows: Those that are run here; None for all.
    """

    learns = False

    def __init__(self, rows: RowShards | None) -> None:
        self.rows = rows
        self.index, self.count = (0, 1) if rows is None else (rows.index, rows.count)
        self.outputs: list[Tensor] = []

    def whole(self, own: Tensor, section: Section) -> Tensor:
        found = own if self.rows is None else self.rows.whole(own, section)
        self.outputs.append(found.detach())
        return found

    def total(self, own: Tensor) -> Tensor:
        return own if self.rows is None else self.rows.total(own)


class SliceRows(RowShards):
    """One slice of the rows of a process; the outputs for all others are those that were recorded.

    Args:
        recorded: What the network put out for the whole batch.
        index: Which slice.
        count: How many there are.
    """

    def __init__(self, recorded: RecordedRows, index: int, count: int) -> None:
        self.index = recorded.index * count + index
        self.count = recorded.count * count
        self.outputs = iter(recorded.outputs)

    def whole(self, own: Tensor, section: Section) -> Tensor:
        found = next(self.outputs).clone()
        found[section.rows] = own
        return found

    def total(self, own: Tensor) -> Tensor:
        raise AssertionError("a network that learns batch statistics is refused before")
