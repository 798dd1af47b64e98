"""Batches: pictures decoded once, or passed once through the frozen part, then drawn and moved to the device by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from headstart.backbones.boundary import Boundary
from headstart.backbones.trace import Layout
from headstart.core.seeds import generator_for, seed_for
from headstart.core.types import UNLABELED, Integers
from headstart.data.augmentation.views import View
from headstart.data.streams import Stream, rows_of_step
from headstart.data.transforms import Transform
from headstart.training.activations import Activations
from headstart.training.mixing import mixed
from headstart.training.pictures import Pictures
from headstart.training.settings import Training

GPU_SHARE = 0.3
"""Share of a GPU's free memory for pictures that stay there: the network's own activations need the most."""


@dataclass(frozen=True)
class Batch:
    """One step's share of a stream.

    Attributes:
        images: float32 in [0, 1], [batch, channel, height, width], channels last in memory; where the first part of the learner
            is frozen, what that part makes of them.
        labels: int64 [batch], -1 where unknown.
        targets: float32 [batch, class]: the labels smoothed, weighted and mixed as the training says; zeros where unknown.
        rows: int64 [batch]: where the pictures lie in the stream.
        also: The same pictures in the stream's further views, each as `images`.
        margins: float32 [batch, class]: the stream's, mixed as the targets are; None where it has none.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor
    rows: Tensor
    also: tuple[Tensor, ...] = ()
    margins: Tensor | None = None

    def shrunk(self, share: float) -> Batch:
        """The batch with its pictures at that share of their side."""

        def smaller(images: Tensor) -> Tensor:
            sides = [max(1, round(share * side)) for side in images.shape[-2:]]
            found = functional.interpolate(images, sides, mode="bilinear", antialias=True, align_corners=False)
            return found.contiguous(memory_format=torch.channels_last)

        return replace(self, images=smaller(self.images), also=tuple(smaller(images) for images in self.also))


class Batches:
    """A stream's batches by step number; the same arguments give the same batch, whatever came before.

    Args:
        name: The stream's name.
        stream: What to draw from; its labels are read.
        transform: How pictures become input.
        training: Names batch size, seed, smoothing, balance, mixing and the number of views where a part is frozen.
        workspace: Where what does not fit in memory is kept; a temporary file otherwise.
        boundary: Where the part of the learner ends that is frozen; None where nothing is.
        passes: How often every row is drawn; no more views of it are computed. None where that is not known.
    """

    def __init__(
        self,
        name: str,
        stream: Stream,
        transform: Transform,
        training: Training,
        workspace: Path | None = None,
        boundary: Boundary | None = None,
        passes: int | None = None,
    ) -> None:
        self.name = name
        self.stream = stream
        self.transform = transform
        self.training = training
        self.batch_size = stream.times * training.batch_size
        self.workspace = workspace
        self.num_views = training.views if passes is None else max(1, min(training.views, passes))
        self.pictures = Pictures(stream.images, transform, workspace)
        self.labels = stream.images.labels
        self.known = bool((self.labels != UNLABELED).all())
        self.layout: Layout = boundary.layout if boundary else "channels first"
        self._on_gpu: Tensor | None = None
        self.activations = [self._activations(boundary, index) for index in range(1 + len(stream.also))] if boundary else []

    def _activations(self, boundary: Boundary, index: int) -> Activations:
        name, view = self._shown_as[index]
        shown = Stream(self.stream.images, view)
        return Activations(boundary, name, shown, self.pictures, self.num_views, self.training.seed, self.workspace)

    @property
    def _shown_as(self) -> list[tuple[str, View]]:
        """Every view with the name of its random stream."""
        return [(f"{self.name} {index}" if index else self.name, view) for index, view in enumerate(self._views)]

    @property
    def _views(self) -> tuple[View, ...]:
        return (self.stream.view, *self.stream.also)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.stream.images)

    def prepare(self) -> None:
        """Decode the pictures, or compute their activations, now and not at the first step."""
        self.at(0, torch.device("cpu"))

    def at(self, step: int, device: torch.device) -> Batch:
        """The batch of a step, counted from 0."""
        training = self.training
        balanced = self.labels if training.balance == "sampling" and self.known else None
        rows = rows_of_step(len(self), self.batch_size, step, training.seed, self.name, balanced)
        images, *also = self._shown(rows, step, device)
        labels = torch.from_numpy(self.labels[rows])
        known = self._targets[labels]  # -1, the row of zeros, is the last one
        if self.stream.margins is not None:
            known = torch.cat([known, torch.from_numpy(np.asarray(self.stream.margins[rows], np.float32))], dim=1)
        known = known.to(device)
        if training.mix != "none" and self.known:
            draw = generator_for(training.seed, "mix", self.name, step)
            images, known = mixed(images, known, training.mix, draw, self.layout)
        targets, margins = known.tensor_split([self.stream.images.num_classes], dim=1)
        rest = tuple(also), margins if margins.shape[1] else None
        return Batch(images, labels.to(device), targets, torch.from_numpy(rows), *rest)

    @cached_property
    def _targets(self) -> Tensor:
        """What a row of each class is to be predicted as, float32 [class + 1, class]; the last row stands for no label."""
        num_classes = self.stream.images.num_classes
        smoothing = self.training.label_smoothing if self.stream.smooth else 0.0
        targets = torch.full((num_classes + 1, num_classes), smoothing / max(num_classes, 1))
        targets[:-1] += (1 - smoothing) * torch.eye(num_classes)
        targets[-1] = 0
        if self.training.balance == "weights" and self.known:
            counts = np.bincount(self.labels, minlength=num_classes)
            weights = len(self.labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
            targets[:-1] *= torch.from_numpy(weights).float()[:, None]
        return targets

    def _shown(self, rows: Integers, step: int, device: torch.device) -> list[Tensor]:
        """The rows in every view."""
        if self.activations:
            turns = (step * self.batch_size + np.arange(len(rows))) // len(self)
            shown = [activations.of(rows, turns).to(device) for activations in self.activations]
            self.pictures.let_go()  # the activations of all views exist by now
            return shown
        # A view of [batch, height, width, channel] is channels last already: nothing is copied.
        images = self._taken(rows, device).permute(0, 3, 1, 2)
        shown = []
        for name, view in self._shown_as:
            generator = torch.Generator().manual_seed(seed_for(self.training.seed, "view", name, step))
            shown.append(view.apply(images, generator).contiguous(memory_format=torch.channels_last))
        return shown

    def _taken(self, rows: Integers, device: torch.device) -> Tensor:
        """Pictures on the device, uint8 [batch, height, width, channel]; all of them stay on a GPU where they fit."""
        if (
            device.type == "cuda"
            and self._on_gpu is None
            and self.pictures().nbytes < GPU_SHARE * torch.cuda.mem_get_info(device)[0]
        ):
            self._on_gpu = torch.from_numpy(np.asarray(self.pictures())).to(device)
        if self._on_gpu is not None:
            return self._on_gpu[torch.from_numpy(rows).to(device)]
        return torch.from_numpy(self.pictures()[rows]).to(device)
