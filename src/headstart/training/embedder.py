"""Embedder: a backbone with a projector behind it, which is trained without labels and thrown away with the projector."""

from __future__ import annotations

from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.backbone import Backbone
from headstart.core.errors import PlanError
from headstart.data.transforms import Transform
from headstart.training.batches import Batch
from headstart.training.learner import Learner, RateGroup
from headstart.training.settings import Training
from headstart.training.teacher import Teacher

LEAST_BATCH = 2


@final
class Embedder(Learner):
    """A backbone with a projector on its penultimate features.

    Batch normalization of a backbone that came with weights keeps its statistics; from random weights it learns them.

    Args:
        backbone: Trained in place; give it a copy.
        projector: What makes of features what the loss compares.

    Attributes:
        extra: The module of what else a method trains or keeps, such as a teacher; None where there is nothing.
    """

    def __init__(self, backbone: Backbone, projector: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = projector
        self.frozen_statistics = backbone.weights != "none"
        self.extra: Any = None

    def forward(self, images: Tensor) -> Tensor:
        """Projections, float [batch, feature], of pictures as `Backbone.forward` takes them."""
        projections: Tensor = self.projector(self.backbone(images))
        return projections

    def of_views(self, batch: Batch, target: Teacher | None = None) -> tuple[Tensor, Tensor]:
        """Projections of a batch's two views, float [batch, feature] each, made in one pass, so that they share batch statistics.

        `target` gives other weights to make them by, without gradients.
        """
        images = torch.cat([batch.images, *batch.also])
        first, second = (self(images) if target is None else target(self, images)).chunk(2)
        return first, second

    def transform(self) -> Transform:
        return self.backbone.transform

    def rate_groups(self) -> list[RateGroup]:
        body = [RateGroup(name, tuple(parameters)) for name, parameters in self.backbone.parameter_blocks()]
        beside = tuple(self.extra.parameters()) if self.extra else ()
        return [*body, RateGroup("projector", (*self.projector.parameters(), *beside))]

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation; frozen statistics of the backbone stay as they are."""
        super().train(mode)
        if self.frozen_statistics:
            for module in self.backbone.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def perceptron(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    """Two linear layers with batch normalization and ReLU between them, as projectors and predictors are built."""
    return nn.Sequential(
        nn.Linear(width_in, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, width_out)
    )


def check_batch(kind: str, training: Training) -> None:
    """Refuse batches of one picture where a method compares the pictures of a batch."""
    if training.batch_size < LEAST_BATCH:
        raise PlanError(
            f"{kind} compares the pictures of a batch, and training.batch_size = {training.batch_size} holds one. "
            f"Set it to {LEAST_BATCH} or more; 256 suits most networks."
        )
