"""Batches: pictures decoded once, or looked at once by what is frozen, then drawn and moved to the device step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.backbones.boundary import Boundary
from headstart.core.seeds import seed_for
from headstart.core.types import Bytes, Integers
from headstart.data.streams import Stream, rows_of_step
from headstart.data.transforms import Transform
from headstart.training.activations import Activations
from headstart.training.pictures import decoded

GPU_SHARE = 0.3
"""Of a GPU's free memory, for pictures that stay there: the network's own activations need the most."""


@dataclass(frozen=True)
class Batch:
    """One step's share of a stream.

    Attributes:
        images: float32 in [0, 1], [batch, channel, height, width], channels last in memory; where the first part of the learner
            is frozen, what that part makes of them.
        labels: int64 [batch].
        rows: int64 [batch]: where the pictures lie in the stream.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor


class Batches:
    """A stream's batches by step number; the same arguments give the same batch, whatever came before.

    Args:
        name: The stream's name.
        stream: What to draw from; its labels are read.
        transform: How pictures become input.
        batch_size: Rows a step.
        seed: The training's seed.
        workspace: Where what does not fit in memory is kept; a temporary file otherwise.
        boundary: Where the part of the learner ends that is frozen; None where nothing is.
        num_views: Random variants of each picture that take turns, where a part is frozen.
    """

    def __init__(
        self,
        name: str,
        stream: Stream,
        transform: Transform,
        batch_size: int,
        seed: int,
        workspace: Path | None = None,
        boundary: Boundary | None = None,
        num_views: int = 1,
    ) -> None:
        self.name = name
        self.stream = stream
        self.transform = transform
        self.batch_size = batch_size
        self.seed = seed
        self.workspace = workspace
        self.labels = stream.images.labels
        self._on_gpu: Tensor | None = None
        self.activations = boundary and Activations(boundary, name, stream, transform, num_views, seed, workspace)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.stream.images)

    def prepare(self) -> None:
        """Read the pictures, or look at them, now and not at the first step."""
        self.at(0, torch.device("cpu"))

    def at(self, step: int, device: torch.device) -> Batch:
        """The batch of a step, counted from 0."""
        rows = rows_of_step(len(self), self.batch_size, step, self.seed, self.name)
        if self.activations:
            turns = (step * self.batch_size + np.arange(len(rows))) // len(self)
            shown = self.activations.of(rows, turns).to(device)
        else:
            shown = self._varied(rows, step, device)
        return Batch(shown, torch.from_numpy(self.labels[rows]).to(device), torch.from_numpy(rows))

    @cached_property
    def _pixels(self) -> Bytes:
        return decoded(self.stream.images, self.transform, self.workspace)

    def _taken(self, rows: Integers, device: torch.device) -> Tensor:
        """Pictures on the device, uint8 [batch, height, width, channel]; all of them stay on a GPU where they fit."""
        if (
            device.type == "cuda"
            and self._on_gpu is None
            and self._pixels.nbytes < GPU_SHARE * torch.cuda.mem_get_info(device)[0]
        ):
            self._on_gpu = torch.from_numpy(np.asarray(self._pixels)).to(device)
        if self._on_gpu is not None:
            return self._on_gpu[torch.from_numpy(rows).to(device)]
        return torch.from_numpy(self._pixels[rows]).to(device)

    def _varied(self, rows: Integers, step: int, device: torch.device) -> Tensor:
        generator = torch.Generator().manual_seed(seed_for(self.seed, "view", self.name, step))
        # A view of [batch, height, width, channel] is channels last already: nothing is copied.
        images = self._taken(rows, device).permute(0, 3, 1, 2)
        return self.stream.view.apply(images, generator).contiguous(memory_format=torch.channels_last)
